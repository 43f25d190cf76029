"""Reads one DocumentEntry of an XDM archive with its file into a submitted document.

Of a CDA, what the metadata do not state follows from its header. Sources: IHE ITI TF-3 4.2.3.2 and 4.3.1 (attributes,
which are mandatory for XDM), PDSm 3.1.1 (what a document of the DMP needs).
"""

from dataclasses import dataclass
from typing import Final

from services.records.deposits.domain.cda_submissions import optional_of
from services.records.deposits.domain.submissions import REPLACES
from services.records.deposits.domain.xdm_codes import codes_of, coding_of
from services.records.deposits.domain.xdm_parties import authenticator_of, authors_of, ins_of, source_patient_of
from services.records.deposits.domain.xdm_reports import EntryReport
from services.records.deposits.domain.xdm_times import times_of
from shared.cda.header import CdaHeader
from shared.fhir.outcomes import IssueType
from shared.fhir.submission import (
    NO_OPTIONAL_ELEMENTS,
    Author,
    Concept,
    OptionalElements,
    Relation,
    Span,
    SubmittedDocument,
)
from shared.human_text import clean_line, has_control_character
from shared.values import Ins, RedactedRepr
from shared.xdm.hl7 import read_patient_info, read_unique_id
from shared.xdm.metadata import ON_DEMAND, Association, DocumentEntry

_TITLE_LIMIT: Final = 255
_LANGUAGE_LIMIT: Final = 32
_COMMENTS_LIMIT: Final = 4096
_MAX_EVENTS: Final = 50
_REPLACEMENTS: Final = frozenset({"RPLC", "XFRM_RPLC"})
_RELATIONS: Final = {"XFRM": "transforms", "APND": "appends", "signs": "signs"}


@dataclass(frozen=True, slots=True, repr=False)
class XdmFile(RedactedRepr):
    """The file of a DocumentEntry. `span`: where it stands in the archive as it is, None where it is deflated."""

    content: bytes
    span: Span | None
    header: CdaHeader | None
    sha1: bytes


@dataclass(frozen=True, slots=True, repr=False)
class _Identity(RedactedRepr):
    unique_id: str
    ins: Ins
    authors: tuple[Author, ...]
    title: str
    language: str


@dataclass(frozen=True, slots=True, repr=False)
class EntryReader(RedactedRepr):
    """Reads a DocumentEntry, and reports each part that cannot be accepted.

    `targets`: the uniqueIds of the documents of the archive by their ids, for the associations between them.
    """

    entry: DocumentEntry
    file: XdmFile
    associations: tuple[Association, ...]
    targets: dict[str, str]
    report: EntryReport

    def document(self, index: int) -> SubmittedDocument | None:
        """Returns the document; None, with issues, where something mandatory is missing or wrong."""
        entry, header, file = self.entry, self.file.header, self.file
        self._check_kind()
        self._check_file()
        identity = self._identity()
        codes, times = codes_of(entry, header, self.report), times_of(entry, header, self.report)
        relations = self._relations()
        if identity is None or codes is None or times is None:
            return None
        return SubmittedDocument(
            entry=index,
            binary_entry=index,
            unique_id=identity.unique_id,
            type=codes.type,
            class_sent=entry.class_code.code if entry.class_code else None,
            format=codes.format,
            labels=codes.labels,
            ins=identity.ins,
            traits=read_patient_info(entry.slots.get("sourcePatientInfo", ())) or (header.traits if header else None),
            authors=identity.authors,
            custodian=header.custodian if header else None,
            title=identity.title,
            language=identity.language,
            content_type=entry.mime_type or "",
            creation=times.creation.moment,
            date=times.creation.moment,
            period_start=times.start.moment,
            period_end=times.end.moment if times.end else None,
            facility_type=codes.facility_type,
            practice_setting=codes.practice_setting,
            sha1=file.sha1,
            size=len(file.content),
            content=file.content,
            content_span=file.span,
            relations=relations,
            partial_dates=times.partial_dates,
            optional=self._optional(),
            place=self.report.place,
            content_place=f"{self.report.place}.URI",
        )

    def _check_kind(self) -> None:
        if self.entry.object_type == ON_DEMAND:
            self.report.add("element-invalid", "An on-demand document has no content: send stable documents.")
        if self.entry.status is not None and not self.entry.status.endswith((":Approved", ":Submitted")):
            self.report.add("element-invalid", "availabilityStatus must be Approved.")
        if self.entry.mime_type is None:
            self.report.missing("mimeType")

    def _check_file(self) -> None:
        """Compares hash and size with the file (both are mandatory in XDM)."""
        stated_hash, stated_size = self.entry.slot("hash"), self.entry.slot("size")
        if stated_hash is None:
            self.report.missing("hash")
        elif stated_hash.lower() != self.file.sha1.hex():
            self.report.add("hash-mismatch", "hash is not the SHA-1 (hexadecimal) of the file that URI names.")
        if stated_size is None:
            self.report.missing("size")
        elif stated_size != str(len(self.file.content)):
            self.report.add("size-mismatch", "size is not the number of bytes of the file that URI names.")

    def _identity(self) -> _Identity | None:
        """Returns what document of whom it is; None, with issues, where a part is missing or wrong."""
        entry, header = self.entry, self.file.header
        unique_id, title = self._unique_id(), self._title()
        ins, authors = ins_of(entry, header, self.report), authors_of(entry, header)
        language = entry.slot("languageCode") or (header.language if header else None)
        if not authors:
            self.report.missing("author")
        if language is None:
            self.report.missing("languageCode")
        elif len(language) > _LANGUAGE_LIMIT or has_control_character(language):
            self.report.add("element-invalid", "languageCode must be a language such as fr-FR.")
        if unique_id is None or ins is None or not authors or title is None or language is None:
            return None
        return _Identity(unique_id, ins, authors, title, language)

    def _unique_id(self) -> str | None:
        header = self.file.header
        if self.entry.unique_id is None:
            if header is None:
                self.report.missing("uniqueId")
            return header.unique_id if header else None
        unique_id = read_unique_id(self.entry.unique_id)
        if unique_id is None:
            self.report.add("element-invalid", "uniqueId must be an OID, OID^extension or a UUID.")
        elif header is not None and header.unique_id != unique_id:
            self.report.add(
                "unique-id-mismatch",
                "uniqueId is not the id of the CDA: send each document with its own metadata.",
                IssueType.BUSINESS_RULE,
            )
        return unique_id

    def _title(self) -> str | None:
        header = self.file.header
        title = clean_line(self.entry.title or "") or (header.title if header else "")
        if not title:
            self.report.missing("Name (title)")
        elif len(title) > _TITLE_LIMIT:
            self.report.add("element-too-long", f"Name has more than {_TITLE_LIMIT} characters.", IssueType.TOO_LONG)
        elif has_control_character(title):
            self.report.add("control-character", "Name holds a control character: remove it.")
        return title or None

    def _relations(self) -> tuple[Relation, ...]:
        """Returns what the document replaces, as its header says, and its relations to others of the archive.

        An RPLC association and relatedDocument RPLC come together: a sender cannot know our ids of documents, so that
        the target of the association says nothing.
        """
        own = [association for association in self.associations if association.source == self.entry.id]
        replaces = any(association.type in _REPLACEMENTS for association in own)
        target = self.file.header.replaces if self.file.header is not None else None
        if replaces != (target is not None):
            self.report.add(
                "replacement-mismatch",
                "An association RPLC and relatedDocument RPLC of the CDA come together: send both, or neither.",
                IssueType.BUSINESS_RULE,
            )
        others = (
            Relation(code, self.targets[association.target])
            for association in own
            if (code := _RELATIONS.get(association.type)) and association.target in self.targets
        )
        return (*(() if target is None else (Relation(REPLACES, target),)), *dict.fromkeys(others))

    def _optional(self) -> OptionalElements:
        entry, header = self.entry, self.file.header
        of_header = optional_of(header) if header is not None else NO_OPTIONAL_ELEMENTS
        comments = (entry.comments or "").strip()[:_COMMENTS_LIMIT]
        return OptionalElements(
            description=None if has_control_character(comments, has_lines=True) else comments or None,
            authenticator=authenticator_of(entry) or of_header.authenticator,
            custodian_name=of_header.custodian_name,
            events=tuple(Concept((coding_of(code),)) for code in entry.events[:_MAX_EVENTS]) or of_header.events,
            source_patient=source_patient_of(entry) or of_header.source_patient,
            encounters=of_header.encounters,
        )
