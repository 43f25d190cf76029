"""The readable metadata of a document, which is sealed at rest, and the Content-Type of its content."""

import re
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.fhir.contents import is_html, is_xml
from shared.fhir.submission import SubmittedDocument
from shared.moments import NO_PARTIAL_DATES, PartialDates

_SAFE_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]+/[a-zA-Z0-9!#$&^_.+-]+(?:; ?charset=[a-zA-Z0-9_-]+)?", re.ASCII)


class StoredCode(BaseModel):
    """A code and its code system."""

    model_config = ConfigDict(frozen=True)
    system: str | None
    code: str


class StoredAuthor(BaseModel):
    """An author of a document, by national ids."""

    model_config = ConfigDict(frozen=True)
    kind: str
    professional: str | None
    organisation: str | None
    role: str | None


class DocumentMetadata(BaseModel):
    """The readable metadata of a document. Always sealed at rest."""

    model_config = ConfigDict(frozen=True)
    unique_id: str
    ins_system: str | None
    ins: str | None
    title: str
    language: str
    content_type: str
    creation: datetime
    date: datetime
    period_start: datetime
    period_end: datetime | None
    format: StoredCode
    facility_type: StoredCode
    practice_setting: StoredCode
    authors: tuple[StoredAuthor, ...]
    custodian: str | None
    sha1: str
    size: int
    relations: tuple[tuple[str, str], ...] = ()
    partial_dates: PartialDates = NO_PARTIAL_DATES
    """Absent from documents of older releases, whose dates are given as moments."""


def metadata_of(document: SubmittedDocument) -> DocumentMetadata:
    """Returns the metadata to store for a submitted document."""
    return DocumentMetadata(
        unique_id=document.unique_id,
        ins_system=document.ins.system if document.ins is not None else None,
        ins=document.ins.matricule if document.ins is not None else None,
        title=document.title,
        language=document.language,
        content_type=document.content_type,
        creation=document.creation,
        date=document.date,
        period_start=document.period_start,
        period_end=document.period_end,
        format=StoredCode(system=document.format.system, code=document.format.code),
        facility_type=StoredCode(system=document.facility_type.system, code=document.facility_type.code),
        practice_setting=StoredCode(system=document.practice_setting.system, code=document.practice_setting.code),
        authors=tuple(
            StoredAuthor(
                kind=author.kind, professional=author.professional, organisation=author.organisation, role=author.role
            )
            for author in document.authors
        ),
        custodian=document.custodian,
        sha1=document.sha1.hex(),
        size=document.size,
        relations=tuple((relation.code, relation.target) for relation in document.relations),
        partial_dates=document.partial_dates,
    )


def served_type(content_type: str, content: bytes) -> str:
    """Returns the Content-Type of the response: the stated one where it is safe in a header, else without parameters.

    HTML that was sent as XML is declared as HTML, because a browser would show and run it as a page.
    """
    if is_xml(content_type) and is_html(content):
        return "text/html"
    for media_type in (content_type, content_type.partition(";")[0].strip()):
        if _SAFE_MEDIA_TYPE.fullmatch(media_type):
            return media_type
    return "application/octet-stream"
