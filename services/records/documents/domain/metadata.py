"""The readable metadata of a document, which is sealed at rest, and the Content-Type of its content."""

import re
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.fhir.contents import is_html, is_xml
from shared.fhir.submission import NO_OPTIONAL_ELEMENTS, Author, Coding, OptionalElements, SubmittedDocument
from shared.moments import FRANCE, NO_PARTIAL_DATES, PartialDates

_SAFE_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]+/[a-zA-Z0-9!#$&^_.+-]+(?:; ?charset=[a-zA-Z0-9_-]+)?", re.ASCII)


class StoredCode(BaseModel):
    """A code and its code system."""

    model_config = ConfigDict(frozen=True)
    system: str | None
    code: str
    display: str | None = None


class StoredAuthor(BaseModel):
    """An author of a document, by national ids, with the names that the submission showed."""

    model_config = ConfigDict(frozen=True)
    kind: str
    professional: str | None
    organisation: str | None
    role: str | None
    name: str | None = None
    organisation_name: str | None = None


class DocumentMetadata(BaseModel):
    """The readable metadata of a document. Always sealed at rest. Members are only added, each with a default that
    documents of older releases have."""

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
    optional: OptionalElements = NO_OPTIONAL_ELEMENTS


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
        format=_stored_code(document.format),
        facility_type=_stored_code(document.facility_type),
        practice_setting=_stored_code(document.practice_setting),
        authors=tuple(_stored_author(author) for author in document.authors),
        custodian=document.custodian,
        sha1=document.sha1.hex(),
        size=document.size,
        relations=tuple((relation.code, relation.target) for relation in document.relations),
        partial_dates=document.partial_dates,
        optional=document.optional,
    )


def care_day(metadata: DocumentMetadata) -> date:
    """Returns the day of care: the day on which the act began (XDS serviceStartTime).

    A month or a year counts as its first day. A moment counts in the zone in which it was written; one in UTC, which
    many programs write whatever the place, counts in French time.
    """
    partial = metadata.partial_dates.period_start
    if partial is not None:
        return date.fromisoformat(partial + "-01" * (2 - partial.count("-")))
    start = metadata.period_start
    return (start.astimezone(FRANCE) if start.utcoffset() == timedelta() else start).date()


def _stored_code(coding: Coding) -> StoredCode:
    return StoredCode(system=coding.system, code=coding.code, display=coding.display)


def _stored_author(author: Author) -> StoredAuthor:
    return StoredAuthor(
        kind=author.kind,
        professional=author.professional,
        organisation=author.organisation,
        role=author.role,
        name=author.name,
        organisation_name=author.organisation_name,
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
