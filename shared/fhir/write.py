"""Writes FHIR R4 resources as JSON: DocumentReference, Binary, authors, the status of a record.

Source: PDSm 3.1.1 (pdsm-comprehensive-document-reference, CapabilityStatement of the GestionnaireDePartageDeDocuments).
For Bundles see `answer_bundles`.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

from shared.fhir.deposit_status import deposit_codings
from shared.fhir.submission import (
    NO_OPTIONAL_ELEMENTS,
    Author,
    AuthorKind,
    Coding,
    OptionalElements,
    Relation,
)
from shared.fhir.write_optional import coding, context_elements, identifier, relates_to, source_patient
from shared.moments import NO_PARTIAL_DATES, PartialDates
from shared.terminology import documents, oids, visibility
from shared.terminology.access_modes import BREAK_GLASS
from shared.terminology.documents import DocumentType
from shared.values import Ins, NationalStructureId

COMPREHENSIVE: Final = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference"
)
IS_ARCHIVED: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
ATTENDING_DOCTOR: Final = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-medecin-traitant"
AUTHORISATION: Final = "https://dmp.example/fhir/StructureDefinition/authorisation"
"""An extension of this project: no guide defines yet how FHIR states the authorisation of TD0.2."""
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACCESS_MARKS: Final = "https://dmp.example/fhir/CodeSystem/access-marks"
"""A code system of this project for the notices sent with an answer."""
FHIR_JSON: Final = "application/fhir+json"

Json = dict[str, object]

_RESOURCES: Final = {
    AuthorKind.PROFESSIONAL: "PractitionerRole",
    AuthorKind.ORGANISATION: "Organization",
    AuthorKind.DEVICE: "Device",
    AuthorKind.PATIENT: "Patient",
    AuthorKind.OTHER: "PractitionerRole",
}


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document to be returned. Without `ins` the subject is named by the record id, if that is given."""

    id: str
    version: int
    last_updated: datetime
    status: str
    """current, superseded or entered-in-error."""
    unique_id: str
    """In canonical form, like SubmittedDocument.unique_id."""
    type: DocumentType
    labels: tuple[str, ...]
    date: datetime
    authors: tuple[Author, ...]
    custodian: NationalStructureId | None
    title: str
    content_type: str
    language: str
    creation: datetime
    size: int
    sha1: bytes
    url: str
    format: Coding
    period_start: datetime
    facility_type: Coding
    practice_setting: Coding
    period_end: datetime | None = None
    partial_dates: PartialDates = NO_PARTIAL_DATES
    ins: Ins | None = None
    record_id: str | None = None
    relations: tuple[Relation, ...] = ()
    optional: OptionalElements = NO_OPTIONAL_ELEMENTS
    archived: bool = False
    notices: tuple[str, ...] = ()
    """Codes of the notices sent with the document (ACCESS_MARKS)."""
    access_mode: str | None = None
    """The emergency mode (TRE_R248) in which the document is read."""
    deposit_status: str | None = None
    """received or refused, for the depositor; None for a published document."""
    refusal: str | None = None
    """The stable code of the refusal."""
    facts: Sequence[Mapping[str, str]] = ()  # what became of reading them, as Codings (`facts_state`)


def document_reference(document: StoredDocument) -> bytes:
    """Returns the DocumentReference of a stored document as JSON."""
    contained: list[Json] = []
    authors = [_refer_to_author(f"author-{n}", author, contained) for n, author in enumerate(document.authors, 1)]
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": document.id,
        "meta": _meta(document),
        "masterIdentifier": identifier(document.unique_id),
        "status": document.status,
        "type": type_concept(document.type),
        "category": [class_concept(document.type)],
    }
    if document.ins is not None:
        resource["subject"] = subject(document.ins)
    elif document.record_id is not None:
        resource["subject"] = {"reference": f"Patient/{document.record_id}"}
    resource |= {"date": instant(document.date), "author": authors}
    if document.custodian is not None or document.optional.custodian_name is not None:
        custodian = organisation_resource("custodian", document.custodian, document.optional.custodian_name)
        resource["custodian"] = _refer(custodian, contained)
    resource |= _optional(document, contained)
    resource["securityLabel"] = security_labels(document.labels)
    resource["content"] = [{"attachment": _attachment(document), "format": coding(document.format)}]
    resource["context"] = context(
        _period(document), document.facility_type, document.practice_setting
    ) | context_elements(document.optional)
    if document.archived:
        resource["extension"] = [{"url": IS_ARCHIVED, "valueBoolean": True}]
    if contained:
        resource["contained"] = contained
    return orjson.dumps(resource)


def patient_standing(id_: str, ins: Ins, *, active: bool, authorisation: str, attending_doctor: bool) -> bytes:
    """Returns a Patient with only the state of the record and the caller's relation to it (TD0.2)."""
    return orjson.dumps(
        {
            "resourceType": "Patient",
            "id": id_,
            "extension": [
                {"url": AUTHORISATION, "valueCode": authorisation},
                {"url": ATTENDING_DOCTOR, "valueBoolean": attending_doctor},
            ],
            "identifier": [{"system": ins.system, "value": ins.matricule}],
            "active": active,
        }
    )


def binary(id_: str, content_type: str, content: bytes) -> bytes:
    """Returns a Binary with the content in base64, for a caller that accepts FHIR rather than the content itself."""
    data = base64.b64encode(content).decode("ascii")
    return orjson.dumps({"resourceType": "Binary", "id": id_, "contentType": content_type, "data": data})


def purpose_of_use(access_mode: str) -> Json:
    """Returns an emergency mode of TRE_R248 as a security label (HL7 v3 ActReason): BTG or ETREAT."""
    return {"system": ACT_REASON, "code": "BTG" if access_mode == BREAK_GLASS else "ETREAT"}


def instant(moment: datetime) -> str:
    """Returns the moment as a FHIR instant in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def subject(ins: Ins) -> Json:
    """Returns a reference to the patient by INS, without a URL that could bring the INS into a log."""
    return {"type": "Patient", "identifier": {"system": ins.system, "value": ins.matricule}}


def type_concept(kind: DocumentType) -> Json:
    """Returns DocumentReference.type."""
    return {"coding": [{"system": kind.system, "code": kind.code, "display": kind.label}]}


def class_concept(kind: DocumentType) -> Json:
    """Returns DocumentReference.category: the class of the type."""
    label = documents.class_labels()[kind.class_code]
    return {"coding": [{"system": oids.TRE_A03_SYSTEM, "code": kind.class_code, "display": label}]}


def security_labels(codes: Sequence[str]) -> list[Json]:
    """Returns DocumentReference.securityLabel, one concept per code."""
    labels = [label for code in codes if (label := visibility.label(code)) is not None]
    return [{"coding": [{"system": visibility.label_system(label), "code": label.value}]} for label in labels]


def context(period: Json, facility: Coding, practice: Coding) -> Json:
    """Returns DocumentReference.context."""
    return {
        "period": period,
        "facilityType": {"coding": [coding(facility)]},
        "practiceSetting": {"coding": [coding(practice)]},
    }


def author_resource(id_: str, author: Author) -> Json:
    """Returns a contained resource with the national ids of an author; a person becomes a PractitionerRole."""
    resource: Json = {"resourceType": _RESOURCES[author.kind], "id": id_}
    if author.kind is AuthorKind.ORGANISATION:
        return organisation_resource(id_, author.organisation, author.name)
    if author.kind is AuthorKind.PATIENT:
        return resource
    is_device = author.kind is AuthorKind.DEVICE
    if author.professional is not None:
        resource["identifier"] = [{"system": f"urn:oid:{oids.PROFESSIONAL}", "value": author.professional}]
    if structure := _structure(author):
        resource["owner" if is_device else "organization"] = structure
    if author.name is not None and is_device:
        resource["deviceName"] = [{"name": author.name, "type": "user-friendly-name"}]
    elif author.name is not None:
        resource["practitioner"] = {"display": author.name}
    if author.role is not None:
        role = {"coding": [{"system": _role_system(author.role), "code": author.role}]}
        resource |= {"type": role} if is_device else {"specialty": [role]}
    return resource


def organisation_resource(id_: str, structure: NationalStructureId | None, name: str | None = None) -> Json:
    """Returns a contained Organization with its national id and its name."""
    organisation: Json = {"resourceType": "Organization", "id": id_}
    if name is not None:
        organisation["name"] = name
    if structure is not None:
        organisation["identifier"] = [{"system": f"urn:oid:{oids.STRUCTURE}", "value": structure}]
    return organisation


def _optional(document: StoredDocument, contained: list[Json]) -> Json:
    """Returns the optional elements outside the context; adds the resources that they refer to."""
    optional, elements = document.optional, relates_to(document.relations)
    if optional.narrative is not None:
        elements["text"] = {"status": optional.narrative.status, "div": optional.narrative.div}
    if optional.description is not None:
        elements["description"] = optional.description
    if optional.authenticator is not None:
        elements["authenticator"] = _refer_to_author("authenticator", optional.authenticator, contained)
    if optional.source_patient:
        contained.append(source_patient(optional.source_patient))
    return elements


def _structure(author: Author) -> Json:
    """Returns a Reference to the structure of an author by its national id and its name; empty without either."""
    structure: Json = {}
    if author.organisation is not None:
        structure["identifier"] = {"system": f"urn:oid:{oids.STRUCTURE}", "value": author.organisation}
    if author.organisation_name is not None:
        structure["display"] = author.organisation_name
    return structure


def _role_system(role: str | None) -> str:
    return oids.TRE_A02_SYSTEM if role is not None and "_" in role[:4] else oids.TRE_A00_SYSTEM


def _meta(document: StoredDocument) -> Json:
    meta: Json = {
        "versionId": str(document.version),
        "lastUpdated": instant(document.last_updated),
        "profile": [COMPREHENSIVE],
    }
    if document.access_mode is not None:
        meta["security"] = [purpose_of_use(document.access_mode)]
    tags = [{"system": ACCESS_MARKS, "code": notice} for notice in document.notices]
    if document.deposit_status is not None:
        tags += deposit_codings(document.deposit_status, document.refusal)
    tags += [{**coding} for coding in document.facts]
    if tags:
        meta["tag"] = tags
    return meta


def _refer_to_author(id_: str, author: Author, contained: list[Json]) -> Json:
    reference = _refer(author_resource(id_, author), contained)
    return reference if author.name is None else reference | {"display": author.name}


def _refer(resource: Json, contained: list[Json]) -> Json:
    contained.append(resource)
    return {"reference": f"#{resource['id']}"}


def _period(document: StoredDocument) -> Json:
    """Returns the period, each bound as precise as it was sent (FHIR R4, dateTime)."""
    period: Json = {"start": document.partial_dates.period_start or instant(document.period_start)}
    if document.period_end is not None:
        period["end"] = document.partial_dates.period_end or instant(document.period_end)
    return period


def _attachment(document: StoredDocument) -> Json:
    return {
        "contentType": document.content_type,
        "language": document.language,
        "url": document.url,
        "size": document.size,
        "hash": base64.b64encode(document.sha1).decode("ascii"),
        "title": document.title,
        "creation": document.partial_dates.creation or instant(document.creation),
    }
