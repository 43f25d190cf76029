"""The sections of the document, in the order of the model: what each holds, as a table for people and as entries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.records.kit.xml import tag, templates, text
from services.records.reimbursements.domain.cda import entries
from services.records.reimbursements.domain.cda.entries import ACT_CODE, label_of
from services.records.reimbursements.domain.history import StoredCare
from services.records.reimbursements.domain.lines import Care, Kind
from shared.terminology.oids import LOINC

_NOTHING: Final = "Aucune donnée de remboursement connue dans la période"
_WOLF: Final = {"codeSystem": "1.2.250.1.213.2.63", "codeSystemName": "Wolf"}
_NONE: Final = {"code": "02276797", "displayName": "Aucun", **_WOLF}
_NA: Final = {"nullFlavor": "NA"}


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its kind of care, its models, its code with a translation, and how a line of it is written."""

    kind: Kind
    title: str
    models: tuple[str, ...]
    code: tuple[str, str]
    translation: tuple[str, str] | None
    entry: Callable[[StoredCare, str], str]
    no_entry: Callable[[str], str]


def written(section: Section, lines: Sequence[StoredCare]) -> str:
    """Returns the section with these lines, or with the statement that there is none."""
    code, name = section.code
    translation = ""
    if section.translation is not None:
        other, label = section.translation
        translation = tag("translation", code=other, displayName=label, codeSystem=LOINC)
    head = (
        templates(*section.models),
        tag("id", nullFlavor="UNK"),
        tag("code", translation, code=code, displayName=name, codeSystem=LOINC, codeSystemName="LOINC"),
        tag("title", section.title),
    )
    if not lines:
        anchor = f"NO-{section.kind.upper()}"
        body = [tag("text", _NOTHING, ID=anchor), tag("entry", section.no_entry(anchor))]
    else:
        anchors = [f"{section.kind.upper()}-{number}" for number in range(1, len(lines) + 1)]
        pairs = list(zip(lines, anchors, strict=True))
        body = [_table(pairs), *(tag("entry", section.entry(line, anchor)) for line, anchor in pairs)]
    return tag("component", tag("section", *head, *body))


_TITLES: Final = (
    *("Date", "Code", "Libellé", "Groupe", "Composants actifs", "Prescrit par", "Spécialité du prescripteur"),
    *("Réalisé ou délivré par", "Établissement", "Quantité"),
)


def _table(pairs: Sequence[tuple[StoredCare, str]]) -> str:
    head = tag("thead", tag("tr", *(tag("th", title) for title in _TITLES)))
    body = tag("tbody", *(_row(line.care, anchor) for line, anchor in pairs))
    return tag("text", tag("table", head, body, border="0"))


def _row(care: Care, anchor: str) -> str:
    label = tag("content", text(label_of(care)), ID=anchor)
    cells = (
        *(_period(care.care_from, care.care_to), text(care.code or ""), label),
        *(text(care.group_label or ""), text(care.ingredients or ""), text(care.prescriber_name or "")),
        *(text(care.prescriber_specialty or ""), text(care.performer_name or ""), text(care.facility or "")),
        "" if care.quantity is None else str(care.quantity),
    )
    return tag("tr", *(tag("td", cell) for cell in cells))


def _period(first: date, last: date) -> str:
    return f"{first:%d/%m/%Y}" if first == last else f"du {first:%d/%m/%Y} au {last:%d/%m/%Y}"


def _no_product(model: Sequence[str], before: str, times: str, **attributes: str) -> Callable[[str], str]:
    def no_entry(anchor: str) -> str:
        original = tag("originalText", tag("reference", value=f"#{anchor}"))
        product = templates(
            "1.2.250.1.213.1.1.3.43", "2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2"
        ) + tag("manufacturedMaterial", tag("code", original, **_NONE), tag("name", **_NA))
        return tag(
            "substanceAdministration",
            *(templates(*model), tag("id", **_NA), before, tag("text", tag("reference", value=f"#{anchor}"))),
            *(
                tag("statusCode", code="completed"),
                times,
                tag("consumable", tag("manufacturedProduct", product), typeCode="CSM"),
            ),
            classCode="SBADM",
            moodCode="EVN",
            **attributes,
        )

    return no_entry


def _no_device(anchor: str) -> str:
    playing = tag("playingDevice", tag("code", **_NONE), classCode="DEV", determinerCode="INSTANCE")
    return tag(
        "supply",
        *(templates("2.16.840.1.113883.10.20.1.34", "1.2.250.1.213.1.1.3.20"), tag("id", **_NA)),
        tag("text", tag("reference", value=f"#{anchor}")),
        tag("effectiveTime", tag("low", **_NA), type_="IVL_TS"),
        tag("participant", tag("participantRole", playing, classCode="MANU"), typeCode="DEV"),
        classCode="SPLY",
        moodCode="EVN",
    )


def _no_stay(anchor: str) -> str:
    return tag(
        "encounter",
        *(templates("2.16.840.1.113883.10.20.1.21", "1.3.6.1.4.1.19376.1.5.3.1.4.14"), tag("id", **_NA)),
        *(tag("code", **_NONE), tag("text", tag("reference", value=f"#{anchor}")), tag("effectiveTime", **_NA)),
        classCode="ENC",
        moodCode="EVN",
    )


def _no_act(anchor: str) -> str:
    return tag(
        "procedure",
        *(
            templates("2.16.840.1.113883.10.20.1.29", "1.3.6.1.4.1.19376.1.5.3.1.4.19", "1.2.250.1.213.1.1.3.62"),
            tag("id", **_NA),
        ),
        *(tag("code", **_NONE), tag("text", tag("reference", value=f"#{anchor}"))),
        *(tag("statusCode", code="completed"), tag("effectiveTime", **_NA)),
        classCode="PROC",
        moodCode="EVN",
    )


_ACTS: Final = (("1.3.6.1.4.1.19376.1.5.3.1.1.13.2.11", "1.2.250.1.213.1.1.2.118"), ("29554-3", "Actes"))
_UNK: Final = {"nullFlavor": "UNK"}
_NO_TIMES: Final = tag("effectiveTime", tag("low", **_UNK), tag("high", **_UNK), type_="IVL_TS")
_NO_MEDICINE: Final = _no_product(
    (
        *("1.2.250.1.213.1.1.3.42", "2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7"),
        "1.3.6.1.4.1.19376.1.5.3.1.4.7.1",
    ),
    tag("code", code="DRUG", codeSystem=ACT_CODE, displayName="Médicament", codeSystemName="HL7:ActCode"),
    _NO_TIMES + tag("effectiveTime", operator="A"),
)
_NO_VACCINATION: Final = _no_product(
    ("1.2.250.1.213.1.1.3.45", "2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12"),
    tag("code", code="IMMUNIZ", displayName="Vaccination sans autres précisions", codeSystem=ACT_CODE),
    tag("effectiveTime", **_NA),
    negationInd="false",
)
SECTIONS: Final = (
    Section(
        "medicine",
        "Médicaments",
        ("1.2.250.1.213.1.1.2.143", "2.16.840.1.113883.10.20.1.8", "1.3.6.1.4.1.19376.1.5.3.1.3.19"),
        ("10160-0", "Médication administrée"),
        None,
        entries.medicine,
        _NO_MEDICINE,
    ),
    Section(
        "vaccination",
        "Vaccinations",
        ("1.2.250.1.213.1.1.2.147", "2.16.840.1.113883.10.20.1.6", "1.3.6.1.4.1.19376.1.5.3.1.3.23"),
        ("11369-6", "Historique des vaccinations"),
        None,
        entries.vaccination,
        _NO_VACCINATION,
    ),
    Section(
        "device",
        "Dispositifs médicaux",
        ("2.16.840.1.11383.10.20.1.7", "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.5", "1.2.250.1.213.1.1.2.1"),
        ("46264-8", "Dispositifs médicaux"),
        None,
        entries.device,
        _no_device,
    ),
    Section(
        "hospital-stay",
        "Hospitalisations",
        ("1.2.250.1.213.1.1.2.76", "2.16.840.1.113883.10.20.1.3", "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.3"),
        ("46240-8", "Historique des rencontres"),
        None,
        entries.hospital_stay,
        _no_stay,
    ),
    Section("care", "Soins médicaux et dentaires", *_ACTS, ("67803-7", "Liste des actes"), entries.act, _no_act),
    Section("imaging", "Radiologie", *_ACTS, ("18726-0", "Radiologie"), entries.act, _no_act),
    Section("biology", "Biologie", *_ACTS, ("26436-6", "Biologie"), entries.act, _no_act),
)
