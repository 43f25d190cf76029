"""Loads and opens what a sheet is made of, after the decision has committed; only with a Permit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import FactBlock, decode_block
from services.records.clinical_facts.domain.sealed_blocks import open_block
from services.records.copies.domain.people_to_call import open_people_to_call
from services.records.documents.domain.sealed_contents import DocumentTitle, open_title
from services.records.documents.store import contents
from services.records.facts.context import ReadContext
from services.records.kit.threads import in_thread_if_large
from services.records.statements.domain.stated_facts import place_of_directives, stated_facts_of
from services.records.statements.domain.statements import PatientStatement
from services.records.statements.steps.opened_statements import open_statements
from services.records.summary.domain.drafts import LineDraft
from services.records.summary.domain.lines import draft_lines, finish_lines
from services.records.summary.domain.sheet import Audience, PersonToCall, SummarySheet
from services.records.summary.domain.signatures import SignedVersion, open_signatures
from services.records.summary.domain.sources import SheetSource, SourceState, counts_of
from services.records.summary.steps.sheet_searches import SheetSearch
from services.records.summary.store.sources import ListedSource, load_blocks
from services.records.summary.store.versions import SealedVersion, load_signed
from shared.access import Permit
from shared.crypto.keyring import SealKey, cipher_of
from shared.db.pool import Connection
from shared.http.tokens import Caller

BLOCK_AS_BYTES: Final = 10_000
"""Opening the facts of a document takes as long as sealing so many bytes."""
_NO_FACTS: Final = FactBlock(())


@dataclass(frozen=True, slots=True)
class OpenedSheet:
    """A sheet, the lines that its reader may confirm, and the documents of the requested record whose lines these are.

    `own`: the current version of the reader's own chain in that record.
    """

    sheet: SummarySheet
    confirmable: frozenset[UUID]
    offered: Sequence[SheetSource]
    own: SignedVersion | None


@dataclass(frozen=True, slots=True)
class _SealedRecord:
    """What was loaded of one record, still sealed but for `statements`, by document; and the record's data key."""

    sheet: SheetSearch
    key: bytes
    blocks: Mapping[UUID, bytes]
    versions: Sequence[SealedVersion]
    people: bytes | None
    statements: Mapping[UUID, Sequence[PatientStatement]]

    @property
    def record_id(self) -> UUID:
        """The record's id."""
        record_id = self.sheet.search.record.id
        assert record_id is not None, "only known records are loaded"
        return record_id

    @property
    def citable(self) -> frozenset[UUID]:
        """The documents of this record that lines for this reader may cite."""
        cited = (self.sheet.readable(version.document_id) for version in self.versions)
        return frozenset(source.id for source in self.sheet.sources).union(*cited)


async def open_sheet(
    connection: Connection,
    context: ReadContext,
    permit: Permit,
    caller: Caller,
    searches: Sequence[SheetSearch],
    now: datetime,
) -> OpenedSheet:
    """Returns the sheet for the caller. Raises SealBrokenError, FactBlockInvalidError."""
    sealed = [loaded for sheet in searches if (loaded := await _load(connection, context, permit, sheet)) is not None]
    count = sum(len(record.blocks) for record in sealed)
    documents, versions = await in_thread_if_large(count * BLOCK_AS_BYTES, _open, caller, sealed)
    drafts = draft_lines(documents, versions, now)
    lines = finish_lines(drafts, await _load_titles(connection, permit, sealed, drafts), now)
    record_id = searches[0].search.record.id
    assert record_id is not None, "a sheet that is permitted is of a record"
    offered = [document for document in documents if document.is_offered and document.record_id == record_id]
    ids = {document.id for document in offered}
    confirmable = {line.id for line in lines if ids and any(source.document_id in ids for source in line.sources)}
    own = next((v for v in versions if v.doctor_id == caller.id and v.record_id == record_id), None)
    audience: Audience = "professional" if caller.kind == "professional" else "patient-side"
    sheet = SummarySheet(record_id, now, audience, lines, _people_to_call(sealed), counts_of(documents))
    return OpenedSheet(sheet, frozenset(confirmable), offered, own)


async def _load(
    connection: Connection, context: ReadContext, permit: Permit, sheet: SheetSearch
) -> _SealedRecord | None:
    """Returns what is sealed; None for a record that the caller may not know of, or that was erased meanwhile."""
    record_id = sheet.search.record.id
    if record_id is None or not isinstance(sheet.search.decision, Permit):
        return None
    signed = await load_signed(connection, permit, record_id)
    if signed is None:
        return None
    blocks = await load_blocks(connection, permit, record_id, sheet.with_facts)
    key = context.vault.unwrap(record_id, signed.key)
    people = signed.people_to_call if sheet.shows_people else None
    statements = await open_statements(connection, permit, record_id, key, sheet.with_statements)
    return _SealedRecord(sheet, key, blocks, signed.versions, people, statements)


def _people_to_call(sealed: Iterable[_SealedRecord]) -> tuple[PersonToCall, ...]:
    """Returns whom to call, of both records of a person once."""
    people: dict[PersonToCall, None] = {}
    for record in sealed:
        if record.people is not None:
            called = open_people_to_call(record.key, record.record_id, record.people)
            people |= {PersonToCall(each.role, each.name, each.phone, each.relation): None for each in called}
    return tuple(people)


def _open(caller: Caller, sealed: Iterable[_SealedRecord]) -> tuple[list[SheetSource], list[SignedVersion]]:
    documents: list[SheetSource] = []
    versions: list[SignedVersion] = []
    for record in sealed:
        cipher = cipher_of(record.key)
        documents += [_source(record, cipher, listed) for listed in record.sheet.sources]
        versions += [_version(caller, record, version) for version in record.versions]
    return documents, versions


def _source(record: _SealedRecord, cipher: SealKey, listed: ListedSource) -> SheetSource:
    block = _NO_FACTS
    if listed.id in record.blocks:
        block = decode_block(open_block(cipher, listed.id, "summary", record.blocks[listed.id]))
    statements = record.statements.get(listed.id, ())
    return SheetSource(
        id=listed.id,
        record_id=record.record_id,
        type=listed.type,
        day=listed.day,
        received_at=listed.received_at,
        deposited_by=listed.deposited_by,
        state="read" if statements else _state(listed),
        facts=(*block.facts, *stated_facts_of(listed.id, statements)) if statements else block.facts,
        text_only=block.text_only,
        has_unread=block.unread > 0,
        is_offered=listed.key in record.sheet.offered,
        where=place_of_directives(statements) if statements else None,
    )


def _state(listed: ListedSource) -> SourceState:
    if listed.state == "none" and listed.reason == "not-structured":
        return "unstructured"
    return listed.state or "pending"


def _version(caller: Caller, record: _SealedRecord, version: SealedVersion) -> SignedVersion:
    return SignedVersion(
        document_id=version.document_id,
        record_id=record.record_id,
        doctor_id=version.doctor_id,
        block=open_signatures(record.key, version.document_id, version.lines),
        is_holder=version.doctor_id in record.sheet.search.record.choices.attending_doctors,
        ended_at=version.ended_at,
        readable=record.sheet.readable(version.document_id),
        is_shown=record.sheet.shows(caller, version.document_id),
    )


async def _load_titles(
    connection: Connection, permit: Permit, sealed: Iterable[_SealedRecord], drafts: Iterable[LineDraft]
) -> dict[UUID, DocumentTitle]:
    """Returns the titles and authors of the documents that state the lines."""
    ids = {source.document_id for draft in drafts for source in draft.sources}
    titles: dict[UUID, DocumentTitle] = {}
    for record in sealed:
        cited = sorted(ids & record.citable)
        metadata = await contents.list_metadata(connection, permit, record.record_id, cited) if cited else {}
        cipher = cipher_of(record.key)
        titles |= {id: open_title(cipher, id, document.metadata) for id, document in metadata.items()}
    return titles
