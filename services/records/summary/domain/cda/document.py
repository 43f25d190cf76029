"""The whole document: its header and its sections.

Its bytes depend on the sheet alone: its identifier is a hash of its content. A sheet that is only read has a device as
its author and nobody who answers for it; it is no document to deposit. One to sign has its doctor as author and legal
authenticator, and belongs to the chain of that doctor.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.kit.cda_header import INSURANCE, anonymous_target, record_target
from services.records.kit.xml import tag, templates, text
from services.records.summary.domain.cda.coded import hl7_time
from services.records.summary.domain.cda.sections import sections
from services.records.summary.domain.citations import SHEET_TYPE
from services.records.summary.domain.sheet import CallRole, PersonToCall, SheetDoctor, SummarySheet
from services.records.summary.domain.sheet_in_words import sheet_in_words
from shared.moments import FRANCE
from shared.runtime import clock
from shared.terminology.oids import CONFIDENTIALITY, LOINC, PROFESSIONAL, STRUCTURE, TRE_A02

TYPE_NAME: Final = "Synthèse médicale"
TEMPLATE: Final = ("1.2.250.1.213.1.1.1.51", "2024.01")
_PCP: Final = {"code": "PCP", "codeSystem": "2.16.840.1.113883.5.88"}
_NASK: Final = {"nullFlavor": "NASK"}
_RELATIONS: Final[dict[CallRole, str]] = {"emergency": "ECON", "trusted": "NOK", "help": "PRS"}
_SPACES: Final = (
    'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:pharm="urn:ihe:pharm:medication"'
)


def write_cda(sheet: SummarySheet) -> bytes:
    """Returns the document in French, in UTF-8."""
    words = sheet_in_words(sheet, "fr")
    body = tag("component", tag("structuredBody", *sections(sheet, words)))
    rest = "".join(_parties(sheet)) + body
    return _envelope(sheet, words.title, rest).encode()


def document_id(content: bytes) -> UUID:
    """Returns the id (ClinicalDocument.id) of a document that `write_cda` wrote."""
    start = content.index(_ID_BEGIN) + len(_ID_BEGIN)
    return UUID(content[start : start + 36].decode())


_ID_BEGIN: Final = b'<id root="'


def chain_id(record_id: UUID, doctor: SheetDoctor) -> UUID:
    """Returns the id (setId) of a doctor's versions of a record's sheet."""
    return clock.hashed_id(record_id.bytes + doctor.id.encode())


def _envelope(sheet: SummarySheet, title: str, rest: str) -> str:
    versions = ""
    if sheet.signer is not None:
        chain = str(chain_id(sheet.record_id, sheet.signer)).upper()
        versions = tag("setId", root=chain) + tag("versionNumber", value=str(sheet.version))
    at = _moment(sheet.written_at)
    id = clock.hashed_id(f"{at}{versions}{rest}".encode())
    template, extension = TEMPLATE
    children = (
        tag("realmCode", code="FR"),
        tag("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        templates("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "2.16.840.1.113883.10.22.1.1"),
        tag("templateId", root=template, extension=extension),
        tag("id", root=str(id).upper()),
        tag("code", code=SHEET_TYPE, displayName=TYPE_NAME, codeSystem=LOINC, codeSystemName="LOINC"),
        tag("title", text(title)),
        tag("effectiveTime", value=at),
        tag("confidentialityCode", code="N", displayName="Normal", codeSystem=CONFIDENTIALITY),
        tag("languageCode", code="fr-FR"),
        versions,
        rest,
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument {_SPACES}>{"".join(children)}</ClinicalDocument>\n'
    )


def _parties(sheet: SummarySheet) -> Iterator[str]:
    """Yields the parts of the header between its number and its body."""
    time = tag("time", value=_moment(sheet.written_at))
    patient, signer = sheet.patient, sheet.signer
    yield anonymous_target() if patient is None else record_target(patient.ins, patient.traits)
    if signer is None:
        yield tag("author", time, _device())
    else:
        function = tag("functionCode", displayName="Médecin traitant", **_PCP)
        yield tag("author", function, time, tag("assignedAuthor", _doctor(signer)))
    yield from map(_informant, sheet.people_to_call)
    yield _custodian(signer)
    if signer is not None:
        yield tag("legalAuthenticator", time, tag("signatureCode", code="S"), tag("assignedEntity", _doctor(signer)))
    yield _service_event(sheet)
    if sheet.replaces is not None:
        parent = tag("parentDocument", tag("id", root=str(sheet.replaces).upper()))
        yield tag("relatedDocument", parent, typeCode="RPLC")
    yield _encounter(signer)


def _doctor(doctor: SheetDoctor) -> str:
    name = tag("name", tag("given", text(doctor.given_name)), tag("family", text(doctor.family_name)))
    return "".join(
        (
            tag("id", root=PROFESSIONAL, extension=doctor.id),
            tag("code", code=doctor.specialty, displayName=doctor.specialty_label, codeSystem=TRE_A02),
            *(tag("addr", **_NASK), tag("telecom", **_NASK), tag("assignedPerson", name)),
            _organisation(doctor),
        )
    )


def _organisation(doctor: SheetDoctor) -> str:
    code, label = doctor.sector
    id = tag("id", root=STRUCTURE, extension=doctor.organisation_id) if doctor.organisation_id else ""
    name = tag("name", text(doctor.organisation)) if doctor.organisation else ""
    sector = tag("standardIndustryClassCode", code=code, displayName=label, codeSystem="1.2.250.1.213.1.1.4.9")
    return tag("representedOrganization", id, name, sector)


def _device() -> str:
    device = tag("manufacturerModelName", "DMP") + tag("softwareName", "Synthèse du dossier")
    organisation = tag("id", root=STRUCTURE, extension=INSURANCE) + tag("name", "Assurance Maladie")
    return tag(
        "assignedAuthor",
        *(tag("id", nullFlavor="NA"), tag("addr", **_NASK), tag("telecom", **_NASK)),
        *(tag("assignedAuthoringDevice", device), tag("representedOrganization", organisation)),
    )


def _informant(person: PersonToCall) -> str:
    relation = tag("code", tag("originalText", text(person.relation)), nullFlavor="OTH")
    name = tag("relatedPerson", tag("name", tag("family", text(person.name))))
    entity = tag(
        "relatedEntity",
        *(relation, tag("addr", **_NASK), tag("telecom", value=f"tel:{person.phone}"), name),
        classCode=_RELATIONS[person.role],
    )
    return tag("informant", entity)


def _custodian(signer: SheetDoctor | None) -> str:
    id, name = INSURANCE, "Assurance Maladie"
    if signer is not None and signer.organisation_id is not None:
        id, name = signer.organisation_id, signer.organisation or ""
    organisation = tag("id", root=STRUCTURE, extension=id) + tag("name", text(name))
    return tag("custodian", tag("assignedCustodian", tag("representedCustodianOrganization", organisation)))


def _service_event(sheet: SummarySheet) -> str:
    period = tag("effectiveTime", tag("low", value=_moment(sheet.written_at)))
    if sheet.signer is not None:
        entity = tag("assignedEntity", _doctor(sheet.signer))
    else:
        sector = tag("standardIndustryClassCode", code="AMO", codeSystem="1.2.250.1.213.1.1.4.9")
        entity = tag("assignedEntity", tag("id", nullFlavor="NA"), tag("representedOrganization", sector))
    return tag("documentationOf", tag("serviceEvent", period, tag("performer", entity, typeCode="PRF")))


def _encounter(signer: SheetDoctor | None) -> str:
    code, label = signer.facility if signer is not None else ("SA24", "Organisme de sécurité sociale")
    facility = tag("healthCareFacility", tag("code", code=code, displayName=label, codeSystem="1.2.250.1.71.4.2.4"))
    return tag(
        "componentOf", tag("encompassingEncounter", tag("effectiveTime", nullFlavor="NA"), tag("location", facility))
    )


def _moment(moment: datetime) -> str:
    return hl7_time(moment.astimezone(FRANCE).isoformat(timespec="seconds"))
