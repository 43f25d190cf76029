"""Builds an ITI-65 submission from a content with its metadata, like a hospital's software.

Source: PDSm 3.1.1, the mandatory elements of the comprehensive profiles of DocumentReference and SubmissionSet. Equal
input gives equal bytes, so that a deposit can be repeated: generated ids are derived from the content.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson

from shared.fhir import write
from shared.fhir.source_traits import BIRTH_PLACE, INSEE_CODE, QUALIFIER
from shared.fhir.submission import Author, Coding
from shared.fhir.submission_set import LIST_TYPES
from shared.fhir.write import Json
from shared.fhir.write_optional import identifier
from shared.moments import NO_PARTIAL_DATES, PartialDates
from shared.terminology import oids
from shared.terminology.documents import DocumentType, format_code, format_system
from shared.values import Ins, NationalStructureId, RedactedRepr, SentTraits

BUNDLE_PROFILE: Final = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-provide-document-bundle"
)
SUBMISSION_SET_PROFILE: Final = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-submissionset-comprehensive"
)
_MHD: Final = "https://profiles.ihe.net/ITI/MHD/StructureDefinition"
_SOURCE_ID: Final = "urn:oid:1.2.250.1.213.99.1"
"""The source when none is stated (an OID that belongs to nobody, for demonstrations)."""
NO_TRAITS: Final = SentTraits()
NO_FACILITY_TYPE: Final = Coding(oids.TRE_R02_SYSTEM, "SA01")
NO_PRACTICE_SETTING: Final = Coding(oids.TRE_A01_SYSTEM, "ETABLISSEMENT")


@dataclass(frozen=True, slots=True, repr=False)
class Deposit(RedactedRepr):
    """The content and metadata for a submission of one document."""

    content: bytes
    content_type: str
    ins: Ins
    type: DocumentType
    title: str
    creation: datetime
    period_start: datetime
    authors: tuple[Author, ...]
    custodian: NationalStructureId | None
    unique_id: str | None = None
    """In canonical form. None derives one from the content."""
    format: Coding | None = None
    traits: SentTraits = NO_TRAITS
    labels: tuple[str, ...] = ("N",)
    language: str = "fr-FR"
    period_end: datetime | None = None
    partial_dates: PartialDates = NO_PARTIAL_DATES
    facility_type: Coding = NO_FACILITY_TYPE
    practice_setting: Coding = NO_PRACTICE_SETTING
    replaces: str | None = None
    """The canonical id of the document that this one replaces."""
    source_id: str = _SOURCE_ID


def bundle(deposit: Deposit) -> bytes:
    """Returns the ITI-65 transaction Bundle of one document as JSON."""
    digest = hashlib.sha1(deposit.content, usedforsecurity=False).digest()
    urls = [f"urn:uuid:{_derived(deposit, digest, part)}" for part in ("List", "DocumentReference", "Binary")]
    data = base64.b64encode(deposit.content).decode("ascii")
    binary: Json = {"resourceType": "Binary", "contentType": deposit.content_type, "data": data}
    resources = (
        _submission_set(deposit, digest, urls[1]),
        _document_reference(deposit, digest, urls[2]),
        binary,
    )
    entries = [
        {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for url, resource in zip(urls, resources, strict=True)
    ]
    profile = {"profile": [BUNDLE_PROFILE]}
    return orjson.dumps({"resourceType": "Bundle", "meta": profile, "type": "transaction", "entry": entries})


def _derived(deposit: Deposit, digest: bytes, part: str) -> UUID:
    """Returns an id derived from content, identifier, patient and labels, so that equal deposits have equal ids."""
    name = f"{part} {digest.hex()} {deposit.unique_id} {deposit.ins.system} {deposit.ins.matricule} {deposit.labels}"
    return uuid5(NAMESPACE_OID, hashlib.sha256(name.encode()).hexdigest())


def _submission_set(deposit: Deposit, digest: bytes, document_url: str) -> Json:
    author = write.author_resource("author", deposit.authors[0])
    unique_id = f"urn:uuid:{_derived(deposit, digest, 'SubmissionSet')}"
    return {
        "resourceType": "List",
        "meta": {"profile": [SUBMISSION_SET_PROFILE]},
        "contained": [_patient(deposit), author],
        "extension": [
            {"url": f"{_MHD}/ihe-designationType", "valueCodeableConcept": write.class_concept(deposit.type)},
            {"url": f"{_MHD}/ihe-sourceId", "valueIdentifier": {"system": oids.URI, "value": deposit.source_id}},
        ],
        "identifier": [{"use": "usual", "system": oids.URI, "value": unique_id}],
        "status": "current",
        "mode": "working",
        "title": deposit.title,
        "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
        "subject": write.subject(deposit.ins),
        "date": _moment(deposit.creation),
        "source": {"reference": "#author"},
        "entry": [{"item": {"reference": document_url}}],
    }


def _document_reference(deposit: Deposit, digest: bytes, binary_url: str) -> Json:
    contained: list[Json] = [_patient(deposit)]
    contained += [write.author_resource(f"author-{n}", resource) for n, resource in enumerate(deposit.authors, 1)]
    authors = [{"reference": f"#author-{n}"} for n, _ in enumerate(deposit.authors, 1)]
    unique_id = deposit.unique_id or f"urn:uuid:{_derived(deposit, digest, 'uniqueId')}"
    resource: Json = {
        "resourceType": "DocumentReference",
        "meta": {"profile": [write.COMPREHENSIVE]},
        "contained": contained,
        "masterIdentifier": identifier(unique_id),
        "status": "current",
        "type": write.type_concept(deposit.type),
        "category": [write.class_concept(deposit.type)],
        "subject": write.subject(deposit.ins),
        "date": _moment(deposit.creation),
        "author": authors,
        "securityLabel": write.security_labels(deposit.labels),
        "content": [_content(deposit, digest, binary_url)],
        "context": _context(deposit),
    }
    if deposit.custodian is not None:
        contained.append(write.organisation_resource("custodian", deposit.custodian))
        resource["custodian"] = {"reference": "#custodian"}
    if deposit.replaces is not None:
        target = {"identifier": identifier(deposit.replaces)}
        resource["relatesTo"] = [{"code": "replaces", "target": target}]
    return resource


def _content(deposit: Deposit, digest: bytes, url: str) -> Json:
    code = format_code((), deposit.content_type)
    named = deposit.format or Coding(format_system(code), code)
    attachment = {
        "contentType": deposit.content_type,
        "language": deposit.language,
        "url": url,
        "size": len(deposit.content),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": deposit.title,
        "creation": deposit.partial_dates.creation or _moment(deposit.creation),
    }
    return {"attachment": attachment, "format": {"system": named.system, "code": named.code}}


def _context(deposit: Deposit) -> Json:
    source = {"sourcePatientInfo": {"reference": "#patient"}}
    partial = deposit.partial_dates
    period: Json = {"start": partial.period_start or _moment(deposit.period_start)}
    if deposit.period_end is not None:
        period["end"] = partial.period_end or _moment(deposit.period_end)
    return write.context(period, deposit.facility_type, deposit.practice_setting) | source


def _patient(deposit: Deposit) -> Json:
    """Returns the source patient in FR Core terms: INS and strict traits, the first birth given name marked."""
    traits = deposit.traits
    patient: Json = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"use": "official", "system": deposit.ins.system, "value": deposit.ins.matricule}],
    }
    name: Json = {"use": "official"}
    if traits.birth_name is not None:
        name["family"] = traits.birth_name
    if traits.given_name is not None:
        name |= {"given": [traits.given_name], "_given": [{"extension": [{"url": QUALIFIER, "valueCode": "BR"}]}]}
    if len(name) > 1:
        patient["name"] = [name]
    if traits.sex is not None:
        patient["gender"] = traits.sex.value
    if traits.birth_date is not None:
        patient["birthDate"] = traits.birth_date
    if traits.birth_place is not None:
        coding = {"system": oids.TRE_R13_SYSTEM, "code": traits.birth_place}
        address = {"extension": [{"url": INSEE_CODE, "valueCoding": coding}]}
        patient["extension"] = [{"url": BIRTH_PLACE, "valueAddress": address}]
    return patient


def _moment(moment: datetime) -> str:
    """Formats the moment in its original time zone."""
    return moment.isoformat()
