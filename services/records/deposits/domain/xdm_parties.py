"""Reads the persons and organisations of a DocumentEntry: the patient, the authors, who attests to the document.

Source: IHE ITI TF-3 4.2.3.1.7 (CX, XCN, XON); CI-SIS, "Structure des métadonnées XDS".
"""

from contextlib import suppress
from typing import Final

from services.records.deposits.domain.xdm_reports import EntryReport
from shared.cda.header import CdaHeader
from shared.fhir.cda_deposit import author_of_cda
from shared.fhir.submission import Author, AuthorKind, Identifier
from shared.terminology import oids
from shared.values import (
    Ins,
    InvalidInsError,
    InvalidNationalIdError,
    NationalProfessionalId,
    NationalStructureId,
    national_professional_id,
    national_structure_id,
)
from shared.xdm.hl7 import XdsId, XdsParty, read_ce, read_cx, read_xcn, read_xon
from shared.xdm.metadata import DocumentEntry, XdsAuthor

_INS_DOMAINS: Final = frozenset({*oids.INS_OIDS, oids.INS_C})
_DEVICE: Final = "U"
_MAX_IDS: Final = 20
_STRUCTURES: Final = frozenset({oids.STRUCTURE, oids.STRUCTURE_OTHER})


def ins_of(entry: DocumentEntry, header: CdaHeader | None, report: EntryReport) -> Ins | None:
    """Returns the INS of patientId, or else of the header; None, with a report, where there is none or several."""
    ins = read_ins(entry.patient_id, report)
    if ins is None:
        ins = next(iter(header.ins), None) if header is not None else None
        if ins is None:
            report.add("ins-missing", "Identify the patient by INS: patientId as <INS>^^^&1.2.250.1.213.1.4.8&ISO^NH.")
    for text in source_ids_of(entry):
        other = read_ins(text, report)
        if other is not None and ins is not None and other.matricule != ins.matricule:
            report.add("patient-inconsistent", "sourcePatientInfo has another INS than patientId.")
    return ins


def source_ids_of(entry: DocumentEntry) -> list[str]:
    """Returns the identifiers (CX) of PID-3 in sourcePatientInfo, the first ones of many."""
    stated = entry.slots.get("sourcePatientInfo", ())
    source = (value.partition("|")[2] for value in stated if value.startswith("PID-3|"))
    return [text for value in source for text in value.split("~")][:_MAX_IDS]


def is_of_ins(text: str) -> bool:
    """Returns whether a CX is an INS or INS-C by its domain, well-formed or not."""
    identifier = read_cx(text)
    return identifier is not None and identifier.root in _INS_DOMAINS


def read_ins(text: str | None, report: EntryReport | None = None) -> Ins | None:
    """Returns the INS of a CX; None for another identifier, and for a malformed INS or an INS-C, which it reports."""
    identifier = read_cx(text)
    if identifier is None or identifier.root is None or identifier.root not in _INS_DOMAINS:
        return None
    try:
        return Ins.parse(identifier.value, identifier.root)
    except InvalidInsError as error:
        if report is not None:
            report.add(error.code, str(error))
        return None


def authors_of(entry: DocumentEntry, header: CdaHeader | None) -> tuple[Author, ...]:
    """Returns the authors that the entry states, or else those of the header."""
    stated = tuple(_author(author) for author in entry.authors if author.person or author.institution)
    if stated or header is None:
        return stated
    return tuple(author_of_cda(author) for author in header.authors)


def authenticator_of(entry: DocumentEntry) -> Author | None:
    """Returns who attests to the document (legalAuthenticator), if stated."""
    stated = entry.slot("legalAuthenticator")
    return _author(XdsAuthor(stated, None, None)) if stated else None


def source_patient_of(entry: DocumentEntry) -> tuple[Identifier, ...]:
    """Returns the identifier of the patient in the source system (sourcePatientId), where it is no INS."""
    identifier = read_cx(entry.slot("sourcePatientId"))
    if identifier is None or identifier.root is None or identifier.root in oids.INS_OIDS:
        return ()
    return (Identifier(f"urn:oid:{identifier.root}", identifier.value),)


def _author(stated: XdsAuthor) -> Author:
    person = read_xcn(stated.person) if stated.person else None
    institution = read_xon(stated.institution) if stated.institution else None
    return Author(
        kind=_kind(person),
        professional=_professional(person.id) if person else None,
        organisation=_structure(institution.id) if institution else None,
        role=read_ce(stated.specialty) if stated.specialty else None,
        name=person.name if person else None,
        organisation_name=institution.name if institution else None,
    )


def _kind(person: XdsParty | None) -> AuthorKind:
    if person is None:
        return AuthorKind.ORGANISATION
    return AuthorKind.DEVICE if person.kind == _DEVICE else AuthorKind.PROFESSIONAL


def _professional(identifier: XdsId | None) -> NationalProfessionalId | None:
    if identifier is not None and identifier.root == oids.PROFESSIONAL:
        with suppress(InvalidNationalIdError):
            return national_professional_id(identifier.value)
    return None


def _structure(identifier: XdsId | None) -> NationalStructureId | None:
    if identifier is not None and identifier.root in _STRUCTURES:
        with suppress(InvalidNationalIdError):
            return national_structure_id(identifier.value)
    return None
