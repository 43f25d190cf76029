"""Reads the header of a CDA R2 document as the CI-SIS requires it in France.

Sources: CDA R2 (POCD_HD000040), CI-SIS "Structuration minimale", mapping of the header to XDS metadata of the volet
"Transmission d'un document CDA-R2 en HL7v2" (mapping.md).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.cda.element import Element
from shared.cda.errors import IncompleteHeaderError
from shared.cda.summary import (
    CdaCode,
    InstanceIdentifier,
    code_of,
    element_id,
    ins_of,
    instance_ids,
    parse_time,
    partial_date,
    replaced_by,
    traits_of,
)
from shared.cda.tree import read_tree
from shared.human_text import clean_line
from shared.moments import PartialDates
from shared.terminology import oids
from shared.terminology.documents import format_code
from shared.values import (
    Ins,
    InvalidNationalIdError,
    NationalProfessionalId,
    NationalStructureId,
    RedactedRepr,
    SentTraits,
    national_professional_id,
    national_structure_id,
)

_TITLE_LIMIT: Final = 255
_NAME_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True)
class CdaAuthor:
    """An author: national id, profession in TRE_A02 form (G15_10/SM26) or a producer of TRE_A00, organisation."""

    professional: NationalProfessionalId | None
    role: CdaCode | None
    organisation: NationalStructureId | None
    is_device: bool
    name: str | None = None
    organisation_name: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CdaHeader(RedactedRepr):
    """The header. Times are aware, in French time when they name no zone; a partial one is its first moment."""

    unique_id: str
    """ClinicalDocument/id in canonical form: urn:oid:1.2.3, urn:oid:1.2.3^extension, urn:uuid:<lower case>."""
    type: CdaCode
    title: str
    effective_time: datetime
    confidentiality: str
    language: str
    ins: tuple[Ins, ...]
    """The well-formed INS of the patient, their keys unchecked. An INS-C is not one of them."""
    traits: SentTraits
    authors: tuple[CdaAuthor, ...]
    custodian: NationalStructureId | None
    facility_type: CdaCode | None
    practice_setting: CdaCode | None
    service_start: datetime | None
    service_stop: datetime | None
    partial_dates: PartialDates
    """Of effectiveTime, and of the beginning and the end of the act."""
    replaces: str | None
    """The document that this one replaces (relatedDocument RPLC), in canonical form."""
    format_code: str
    authenticator: CdaAuthor | None
    """Who attests to the document (legalAuthenticator)."""
    custodian_name: str | None
    acts: tuple[CdaCode, ...]
    """The codes of the acts that the document is about (documentationOf/serviceEvent)."""
    patient_ids: tuple[InstanceIdentifier, ...]
    """The identifiers of the patient in the source system: those that are no INS."""
    encounter_ids: tuple[InstanceIdentifier, ...]
    """The identifiers of the stay or visit (componentOf/encompassingEncounter)."""


def read_header(content: bytes) -> CdaHeader:
    """Returns the header of a CDA, or of the CDA inside a self-displaying style sheet; the body is not read.

    Raises InvalidCdaError for any bytes that cannot be read; IncompleteHeaderError when id, code or effectiveTime is
    missing or unreadable. Everything else may be absent: the caller checks what a deposit needs.
    """
    document, media_type = read_tree(content)
    templates = tuple(root for template in document.all("templateId") if (root := template.get("root")))
    service = _main_service(document)
    roles = document.all("recordTarget", "patientRole")
    role = roles[0] if roles else Element("patientRole", {})
    return CdaHeader(
        unique_id=_unique_id(document),
        type=_type(document),
        title=_title(document),
        effective_time=_effective_time(document),
        confidentiality=document.get("code", "confidentialityCode") or "N",
        language=document.get("code", "languageCode") or "fr-FR",
        ins=tuple(ins for identifier in instance_ids(role) if (ins := ins_of(identifier)) is not None),
        traits=traits_of(role.first("patient") or Element("patient", {})),
        authors=tuple(_author(author) for author in document.all("author", "assignedAuthor")),
        custodian=_custodian(document),
        facility_type=code_of(
            document.first("componentOf", "encompassingEncounter", "location", "healthCareFacility", "code")
        ),
        practice_setting=_practice_setting(service),
        service_start=parse_time(_service_start(service)),
        service_stop=parse_time(_service_stop(service)),
        partial_dates=PartialDates(
            partial_date(document.get("value", "effectiveTime")),
            partial_date(_service_start(service)),
            partial_date(_service_stop(service)),
        ),
        replaces=replaced_by(document),
        format_code=format_code(templates, media_type),
        authenticator=_authenticator(document),
        custodian_name=_name(document.first("custodian", "assignedCustodian", "representedCustodianOrganization")),
        acts=tuple(
            act
            for code in document.all("documentationOf", "serviceEvent", "code")
            if (act := code_of(code)) is not None
        ),
        patient_ids=tuple(identifier for identifier in instance_ids(role) if identifier.root not in oids.INS_OIDS),
        encounter_ids=_encounter_ids(document),
    )


def _encounter_ids(document: Element) -> tuple[InstanceIdentifier, ...]:
    encounter = document.first("componentOf", "encompassingEncounter")
    return () if encounter is None else tuple(instance_ids(encounter))


def _unique_id(document: Element) -> str:
    unique_id = element_id(document.first("id"))
    if unique_id is None:
        raise IncompleteHeaderError("ClinicalDocument/id needs a root that is an OID or a UUID.")
    return unique_id


def _type(document: Element) -> CdaCode:
    type_code = code_of(document.first("code"))
    if type_code is None:
        raise IncompleteHeaderError("ClinicalDocument/code needs a code.")
    return type_code


def _title(document: Element) -> str:
    """Returns the title, else the label of the type, with one blank for each run of blanks and line breaks."""
    title = document.first("title")
    text = " ".join(title.text.split()) if title is not None else ""
    return (text or document.get("displayName", "code") or document.get("code", "code") or "")[:_TITLE_LIMIT]


def _effective_time(document: Element) -> datetime:
    moment = parse_time(document.get("value", "effectiveTime"))
    if moment is None:
        raise IncompleteHeaderError("ClinicalDocument/effectiveTime needs a value such as 20260131093000+0100.")
    return moment


def _author(assigned: Element) -> CdaAuthor:
    return CdaAuthor(
        professional=_professional(assigned),
        role=code_of(assigned.first("code")),
        organisation=_structure(assigned.all("representedOrganization", "id")),
        is_device=assigned.first("assignedAuthoringDevice") is not None,
        name=_name(assigned.first("assignedPerson")) or _device_name(assigned),
        organisation_name=_name(assigned.first("representedOrganization")),
    )


def _authenticator(document: Element) -> CdaAuthor | None:
    assigned = document.first("legalAuthenticator", "assignedEntity")
    return _author(assigned) if assigned is not None else None


def _name(entity: Element | None) -> str | None:
    """Returns the name of a person or an organisation: its own text, else its parts in the order of use."""
    name = entity.first("name") if entity is not None else None
    if name is None:
        return None
    parts = [part for kind in ("prefix", "given", "family", "suffix") for part in name.all(kind)]
    return clean_line(" ".join(part.text for part in parts) if parts else name.text)[:_NAME_LIMIT] or None


def _device_name(assigned: Element) -> str | None:
    name = assigned.first("assignedAuthoringDevice", "softwareName")
    return clean_line(name.text)[:_NAME_LIMIT] or None if name is not None else None


def _professional(assigned: Element) -> NationalProfessionalId | None:
    for identifier in assigned.all("id"):
        extension = identifier.get("extension") if identifier.get("root") == oids.PROFESSIONAL else None
        if extension is not None:
            try:
                return national_professional_id(extension)
            except InvalidNationalIdError:
                return None
    return None


def _structure(ids: list[Element]) -> NationalStructureId | None:
    for identifier in ids:
        extension = (
            identifier.get("extension") if identifier.get("root") in (oids.STRUCTURE, oids.STRUCTURE_OTHER) else None
        )
        if extension is not None:
            try:
                return national_structure_id(extension)
            except InvalidNationalIdError:
                return None
    return None


def _custodian(document: Element) -> NationalStructureId | None:
    return _structure(document.all("custodian", "assignedCustodian", "representedCustodianOrganization", "id"))


def _main_service(document: Element) -> Element:
    """Returns the act whose performer has a practice setting (CI-SIS: exactly one has), else the first act."""
    services = document.all("documentationOf", "serviceEvent")
    with_setting = [service for service in services if _practice_setting(service) is not None]
    return next(iter([*with_setting, *services]), Element("serviceEvent", {}))


def _service_start(service: Element) -> str | None:
    """Returns the low bound of the period, or the moment when the act has only one."""
    return service.get("value", "effectiveTime", "low") or service.get("value", "effectiveTime")


def _service_stop(service: Element) -> str | None:
    return service.get("value", "effectiveTime", "high")


def _practice_setting(service: Element) -> CdaCode | None:
    return code_of(service.first("performer", "assignedEntity", "representedOrganization", "standardIndustryClassCode"))
