"""What is kept of a document: codes in clear, everything readable as `Metadata`, which is sealed at rest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.crypto.vault import WrappedKey
from shared.fhir.contents import is_xml
from shared.fhir.submission import SubmittedDocument

DocumentStatus = Literal["received", "published", "refused"]
DocumentLife = Literal["current", "superseded", "deleted"]
"""What became of a document after its publication."""
Depositor = Literal["organisation", "patient", "representative", "carer"]
"""Whose document it is."""
_HTML = re.compile(rb"(?:\xef\xbb\xbf|\s|<\?.*?\?>|<!--.*?-->)*<(?:[\w.-]+:)?html[\s/>]", re.DOTALL | re.IGNORECASE)
"""Content whose first element is html, in whatever namespace."""
_SAFE_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]+/[a-zA-Z0-9!#$&^_.+-]+(?:; ?charset=[a-zA-Z0-9_-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record as the copy has it. `traits`: fingerprints by name."""

    bucket: int
    id: UUID
    version: int
    status: str
    traits: Mapping[str, str | None]
    key: WrappedKey


class StoredCode(BaseModel):
    """A code in its system."""

    model_config = ConfigDict(frozen=True)
    system: str | None
    code: str


class StoredAuthor(BaseModel):
    """Who wrote a document, by national ids."""

    model_config = ConfigDict(frozen=True)
    kind: str
    professional: str | None
    organisation: str | None
    role: str | None


class Metadata(BaseModel):
    """What can be read of a document without opening it. Sealed at rest, never in clear."""

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


@dataclass(frozen=True, slots=True)
class Head:
    """What the rules and the lists need of a document. `version`, `changed_at`: of its labels and its life.

    `chain_id`: the first version of the document, where this is a later one. `depositor_id`: who of the person's side
    deposited it; `in_secret`: in the secret connection of a minor.
    """

    id: UUID
    record_id: UUID
    status: DocumentStatus
    type: str
    class_code: str
    section: str
    labels: frozenset[str]
    organisation_id: str
    client_id: str
    author_ids: frozenset[str]
    received_at: datetime
    deposit_id: UUID
    life: DocumentLife = "current"
    archived: bool = False
    masked_by: str | None = None
    shown_to_representatives: bool = False
    version: int = 1
    changed_at: datetime | None = None
    deposited_by: Depositor = "organisation"
    depositor_id: str | None = None
    in_secret: bool = False
    chain_id: UUID | None = None

    @property
    def first_version(self) -> UUID:
        """The id that all versions of the document have in common."""
        return self.chain_id or self.id


def metadata_of(document: SubmittedDocument) -> Metadata:
    """What is kept of a submitted document to be read again."""
    return Metadata(
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
            StoredAuthor(kind=one.kind, professional=one.professional, organisation=one.organisation, role=one.role)
            for one in document.authors
        ),
        custodian=document.custodian,
        sha1=document.sha1.hex(),
        size=document.size,
        relations=tuple((one.code, one.target) for one in document.relations),
    )


def served_type(content_type: str, content: bytes) -> str:
    """The media type to answer with: as sent where it is harmless in a header, else without its parameters.

    What was sent as XML and is HTML is called so: a browser would show it as a page and run it like one.
    """
    if is_xml(content_type) and _HTML.match(content) is not None:
        return "text/html"
    for candidate in (content_type, content_type.partition(";")[0].strip()):
        if _SAFE_MEDIA_TYPE.fullmatch(candidate):
            return candidate
    return "application/octet-stream"
