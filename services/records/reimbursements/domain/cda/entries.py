"""The entries of the document: a line of the history as HL7 says it, by its kind."""

from datetime import date
from typing import Final
from uuid import UUID

from services.records.kit.xml import tag, templates, text
from services.records.reimbursements.domain.history import StoredCare
from services.records.reimbursements.domain.lines import CODE_SYSTEMS, Care
from shared.terminology.oids import PROFESSIONAL, STRUCTURE

_CNAM: Final = "1.2.250.1.215.200"
_VALUE_SETS: Final = {
    "CIP13": "JDV_BDM_CNAM-HR-CISIS",
    "UCD": "JDV_BDM_CNAM-HR-CISIS",
    "LPP": "JDV_LPP_CNAM-HR-CISIS",
    "GHM": "JDV_sejours_actes_CNAM-HR-CISIS",
    "NGAP": "JDV_sejours_actes_CNAM-HR-CISIS",
    "CCAM": "JDV_sejours_actes_CNAM-HR-CISIS",
    "NABM": "JDV_NABM_CNAM-HR-CISIS",
}
_ATC: Final = {"medicine": f"{_CNAM}.1.2.1", "vaccination": f"{_CNAM}.1.2.2"}
_NOT_NAMED: Final = "Non communiqué"
ACT_CODE: Final = "2.16.840.1.113883.5.4"
_PRODUCT: Final = templates("1.2.250.1.213.1.1.3.43", "2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2")
_SUPPLY: Final = templates("1.2.250.1.213.1.1.3.44", "2.16.840.1.113883.10.20.1.34", "1.3.6.1.4.1.19376.1.5.3.1.4.7.3")
_MEDICATION: Final = templates(
    *("1.2.250.1.213.1.1.3.42", "2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7"),
    "1.3.6.1.4.1.19376.1.5.3.1.4.7.1",
)
_IMMUNIZATION: Final = templates(
    "1.2.250.1.213.1.1.3.45", "2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12"
)
_DEVICE: Final = templates("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20")
_ENCOUNTER: Final = templates(
    "1.2.250.1.213.1.1.3.58", "2.16.840.1.113883.10.20.1.21", "1.3.6.1.4.1.19376.1.5.3.1.4.14"
)
_PROCEDURE: Final = templates(
    "2.16.840.1.113883.10.20.1.29", "1.3.6.1.4.1.19376.1.5.3.1.4.19", "1.2.250.1.213.1.1.3.62"
)
UNKNOWN: Final = {"nullFlavor": "UNK"}


def label_of(care: Care) -> str:
    """Returns what the care is called: its label, else its code."""
    return care.label or care.code or ""


def medicine(line: StoredCare, anchor: str) -> str:
    """Returns a medicine that was handed out. `anchor`: the ID of its label in the text of the section."""
    times = tag("effectiveTime", tag("low", **UNKNOWN), tag("high", **UNKNOWN), type_="IVL_TS")
    return tag(
        "substanceAdministration",
        *(_MEDICATION, _id(line), _reference(anchor), _COMPLETED, times, tag("effectiveTime", operator="A")),
        *(_consumable(line.care, anchor), _prescription(line)),
        classCode="SBADM",
        moodCode="EVN",
    )


def vaccination(line: StoredCare, anchor: str) -> str:
    """Returns a vaccine that was handed out."""
    code = tag("code", code="IMMUNIZ", displayName="Vaccination sans autres précisions", codeSystem=ACT_CODE)
    return tag(
        "substanceAdministration",
        *(_IMMUNIZATION, _id(line), code, _reference(anchor), _COMPLETED),
        *(tag("effectiveTime", **UNKNOWN), _consumable(line.care, anchor), _prescription(line)),
        classCode="SBADM",
        moodCode="EVN",
        negationInd="false",
    )


def device(line: StoredCare, anchor: str) -> str:
    """Returns a device that was supplied."""
    care = line.care
    playing = tag("playingDevice", _code(care), classCode="DEV", determinerCode="INSTANCE")
    participant = tag("participant", tag("participantRole", playing, classCode="MANU"), typeCode="DEV")
    return tag(
        "supply",
        *(_DEVICE, _id(line), _reference(anchor), tag("effectiveTime", tag("low", **UNKNOWN), type_="IVL_TS")),
        *(_quantity(care), _dispenser(care), _prescriber(care), participant),
        classCode="SPLY",
        moodCode="EVN",
    )


def hospital_stay(line: StoredCare, anchor: str) -> str:
    """Returns a stay in a hospital."""
    care = line.care
    qualifier = tag("qualifier", _coded("value", care)) if care.code is not None else ""
    code = {"code": "IMP", "displayName": "Hospitalisation", "codeSystem": ACT_CODE, "codeSystemName": "ActCode"}
    period = tag("low", value=day(care.care_from)) + tag("high", value=day(care.care_to))
    return tag(
        "encounter",
        *(_ENCOUNTER, _id(line), tag("code", qualifier, **code), _reference(anchor)),
        *(tag("effectiveTime", period), tag("performer", _supplier(care), typeCode="PRF")),
        classCode="ENC",
        moodCode="EVN",
    )


def act(line: StoredCare, anchor: str) -> str:
    """Returns an act: care, imaging or biology."""
    care = line.care
    person = tag("assignedPerson", tag("name", tag("family", text(care.performer_name)))) if care.performer_name else ""
    entity = tag("assignedEntity", _professional(care), person, _structure(care), classCode="ASSIGNED")
    return tag(
        "procedure",
        *(_PROCEDURE, _id(line), _code(care), _reference(anchor), _COMPLETED),
        *(tag("effectiveTime", value=day(care.care_from)), tag("performer", entity)),
        classCode="PROC",
        moodCode="EVN",
    )


def day(value: date) -> str:
    """Returns a day as HL7 writes it."""
    return f"{value:%Y%m%d}"


_COMPLETED: Final = tag("statusCode", code="completed")


def _id(line: StoredCare) -> str:
    return tag("id", root=str(UUID(bytes=line.key)).upper())


def _reference(anchor: str) -> str:
    return tag("text", tag("reference", value=f"#{anchor}"))


def _coded(name: str, care: Care) -> str:
    """Returns the care's code as an element of this name."""
    assert care.code is not None, "the caller has looked"
    assert care.code_system is not None, "a code stands with its table"
    system, system_name = CODE_SYSTEMS[care.code_system], _VALUE_SETS[care.code_system]
    return tag(name, code=care.code, displayName=label_of(care), codeSystem=system, codeSystemName=system_name)


def _code(care: Care) -> str:
    if care.code is not None:
        return _coded("code", care)
    return tag("code", tag("originalText", text(label_of(care))), **UNKNOWN)


def _consumable(care: Care, anchor: str) -> str:
    codes = [_coded("translation", care)] if care.code is not None else []
    if care.group_code is not None:
        group = {"code": care.group_code, "displayName": care.group_label or care.group_code}
        table = {"codeSystem": _ATC[care.kind], "codeSystemName": "JDV_BDM_ATC_CNAM-HR-CISIS"}
        codes.append(tag("translation", **group, **table))
    code = tag("code", tag("originalText", tag("reference", value=f"#{anchor}")), *codes)
    material = tag("manufacturedMaterial", code, tag("name", text(label_of(care))))
    return tag("consumable", tag("manufacturedProduct", _PRODUCT, material), typeCode="CSM")


def _prescription(line: StoredCare) -> str:
    care = line.care
    parts = (_SUPPLY, _id(line), _quantity(care), _dispenser(care), _prescriber(care))
    supply = tag("supply", *parts, classCode="SPLY", moodCode="EVN")
    return tag("entryRelationship", supply, typeCode="REFR", inversionInd="false")


def _quantity(care: Care) -> str:
    return "" if care.quantity is None else tag("quantity", value=str(care.quantity))


def _dispenser(care: Care) -> str:
    return tag("performer", tag("time", value=day(care.care_from)), _supplier(care), typeCode="PRF")


def _supplier(care: Care) -> str:
    """Returns who supplied it: of a pharmacy or hospital the model names the structure alone."""
    return tag("assignedEntity", tag("id", **UNKNOWN), _structure(care))


def _prescriber(care: Care) -> str:
    id = tag("id", root=PROFESSIONAL, extension=care.prescriber_id) if care.prescriber_id else tag("id", **UNKNOWN)
    person = tag("assignedPerson", tag("name", tag("family", text(care.prescriber_name or _NOT_NAMED))))
    return tag("author", tag("time", value=day(care.care_from)), tag("assignedAuthor", id, person))


def _professional(care: Care) -> str:
    return tag("id", root=PROFESSIONAL, extension=care.performer_id) if care.performer_id else tag("id", **UNKNOWN)


def _structure(care: Care) -> str:
    finess = f"1{care.facility}" if care.facility and len(care.facility) == 9 else care.facility
    id = tag("id", root=STRUCTURE, extension=finess) if finess else tag("id", **UNKNOWN)
    return tag("representedOrganization", id, tag("name", text(care.performer_name or care.facility or _NOT_NAMED)))
