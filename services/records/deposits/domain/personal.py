"""Documents that the patient side deposits, turned into a submission like any other (author EXP_PATIENT, no INS).

The media types are those of Mon espace santé. Whether the type is permitted (class 90, DOCPAT) is decided by the rules.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.deposits.domain.active_content import active_content_fault
from services.records.deposits.domain.media_types import OWN, content_fault, recognised
from services.records.deposits.domain.submissions import REPLACES
from shared.errors import InvalidError
from shared.fhir.submission import Author, AuthorKind, Coding, Relation, Span, Submission, SubmittedDocument
from shared.terminology.documents import DocumentType, document_types, format_code, format_system
from shared.terminology.visibility import Confidentiality, Label, Visibility, normalised

_PATIENT = "EXP_PATIENT"


class TypeUnknownError(InvalidError):
    """This document type does not exist. Patients deposit EXPPAT_1 to 3, 74465-6 and DOCPAT01 to 09."""

    code = "type-unknown"
    french = "Ce type de document n’existe pas. Vous pouvez ajouter EXPPAT_1 à 3, 74465-6 et DOCPAT01 à 09."


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """A document of the patient side. `id`: chosen by the sender; `base64`: where its content is in the body."""

    id: UUID
    type: str
    title: str
    content_type: str
    content: bytes
    base64: Span | None
    creation: datetime | None = None
    masked: bool = False
    hidden_from_representatives: bool = False
    replaces: UUID | None = None


def submission_from(document: OwnDocument, now: datetime) -> Submission:
    """Returns the submission of one document after checking its content.

    Raises TypeUnknownError, MediaTypeRefusedError, MediaTypeDiffersError, ActiveContentError, UnreadableContentError.
    """
    fault = content_fault(document.content, document.content_type, _type_of(document), OWN)
    if fault is None:
        fault = active_content_fault(document.content, recognised(document.content))
    if fault is not None:
        raise fault
    return submission_of(document, now)


def submission_of(document: OwnDocument, now: datetime) -> Submission:
    """Returns the submission of a document whose content is made here or checked. Raises TypeUnknownError."""
    document_type = _type_of(document)
    creation, code = document.creation or now, format_code((), document.content_type)
    submitted = SubmittedDocument(
        entry=0,
        binary_entry=0,
        unique_id=f"urn:uuid:{document.id}",
        type=document_type,
        class_sent=None,
        format=Coding(format_system(code), code),
        labels=_labels(document),
        ins=None,
        traits=None,
        authors=(Author(AuthorKind.PATIENT, role=_PATIENT),),
        custodian=None,
        title=document.title,
        language="fr-FR",
        content_type=document.content_type,
        creation=creation,
        date=now,
        period_start=creation,
        period_end=None,
        facility_type=Coding(None, _PATIENT),
        practice_setting=Coding(None, _PATIENT),
        sha1=hashlib.sha1(document.content, usedforsecurity=False).digest(),
        size=len(document.content),
        content=document.content,
        content_span=document.base64,
        relations=() if document.replaces is None else (Relation(REPLACES, f"DocumentReference/{document.replaces}"),),
    )
    return Submission(None, None, None, now, (submitted,), ())


def _type_of(document: OwnDocument) -> DocumentType:
    document_type = document_types().get(document.type)
    if document_type is None:
        raise TypeUnknownError
    return document_type


def _labels(document: OwnDocument) -> tuple[str, ...]:
    is_set_by_label: dict[Label, bool] = {
        Confidentiality.NORMAL: True,
        Visibility.MASKED: document.masked,
        Visibility.INVISIBLE_TO_REPRESENTATIVES: document.hidden_from_representatives,
    }
    return normalised(label for label, is_set in is_set_by_label.items() if is_set)
