"""What the person's side deposits: made into a submission like any other (author EXP_PATIENT, no INS).

Media types as Mon espace santé takes them. What the rules say of the type (class 90, DOCPAT) is asked at the deposit.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.records.domain.submissions import REPLACES
from shared.errors import InvalidError
from shared.fhir.submission import Author, AuthorKind, Coding, Relation, Span, Submission, SubmittedDocument
from shared.terminology.documents import document_types, format_code
from shared.terminology.visibility import Confidentiality, Label, Visibility, normalised

_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
MEDIA_TYPES: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType(
    {
        "application/pdf": (b"%PDF-",),
        "image/jpeg": (b"\xff\xd8\xff",),
        "image/png": (b"\x89PNG\r\n\x1a\n",),
        "image/tiff": (b"II*\x00", b"MM\x00*"),
        "application/msword": (_OLE,),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (_ZIP,),
        "application/rtf": (b"{\\rtf",),
        "text/rtf": (b"{\\rtf",),
        "text/plain": (b"",),
    }
)
"""Media type -> what such a content begins with."""
_PATIENT = "EXP_PATIENT"


class TypeUnknownError(InvalidError):
    """No document has this type. Patients deposit EXPPAT_1 to 3, 74465-6 and DOCPAT01 to 09."""

    code = "type-unknown"
    french = "Ce type de document n’existe pas. Vous pouvez ajouter EXPPAT_1 à 3, 74465-6 et DOCPAT01 à 09."


class MediaTypeDiffersError(InvalidError):
    """The content is not what its media type says. Send PDF, JPEG, PNG, TIFF, DOC, DOCX, RTF or text as what it is."""

    code = "media-type-differs"
    french = "Le contenu n’est pas du format annoncé. Envoyez un PDF, JPEG, PNG, TIFF, DOC, DOCX, RTF ou texte."


@dataclass(frozen=True, slots=True)
class Personal:
    """A document of the person's own. `id`: by which it is known again; `base64`: where its content is in the body."""

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


def submission_of(one: Personal, now: datetime) -> Submission:
    """The submission. Raises TypeUnknownError, MediaTypeDiffersError."""
    kind = document_types().get(one.type)
    if kind is None:
        raise TypeUnknownError
    if not one.content.startswith(MEDIA_TYPES[one.content_type]) or not one.content:
        raise MediaTypeDiffersError
    creation = one.creation or now
    document = SubmittedDocument(
        entry=0,
        binary_entry=0,
        unique_id=f"urn:uuid:{one.id}",
        type=kind,
        class_sent=None,
        format=Coding(None, format_code((), one.content_type)),
        labels=_labels(one),
        ins=None,
        traits=None,
        authors=(Author(AuthorKind.PATIENT, role=_PATIENT),),
        custodian=None,
        title=one.title,
        language="fr-FR",
        content_type=one.content_type,
        creation=creation,
        date=now,
        period_start=creation,
        period_end=None,
        facility_type=Coding(None, _PATIENT),
        practice_setting=Coding(None, _PATIENT),
        sha1=hashlib.sha1(one.content, usedforsecurity=False).digest(),
        size=len(one.content),
        content=one.content,
        base64_span=one.base64,
        relations=() if one.replaces is None else (Relation(REPLACES, f"DocumentReference/{one.replaces}"),),
    )
    return Submission(None, None, None, now, (document,), ())


def _labels(one: Personal) -> tuple[str, ...]:
    wanted: dict[Label, bool] = {
        Confidentiality.NORMAL: True,
        Visibility.MASKED: one.masked,
        Visibility.INVISIBLE_TO_REPRESENTATIVES: one.hidden_from_representatives,
    }
    return normalised(label for label, is_set in wanted.items() if is_set)
