"""Previews and signs a version of the summary sheet: it goes through the pipeline of every deposit.

A confirmed line is one of a published version. The doctor who signs is its author, legal authenticator and depositor.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.copies.store.records import confirm_person
from services.records.deposits.domain.cda_submissions import submission_of_cda
from services.records.deposits.steps.deposit_builder import SignedSheet
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from services.records.summary.domain.cda.document import write_cda
from services.records.summary.domain.lines import stated_by
from services.records.summary.domain.sheet_json import sheet_body
from services.records.summary.domain.signatures import cited_documents, encode_signatures
from services.records.summary.domain.signing_requests import (
    PreviewDiffersError,
    SheetChangedError,
    SigningRequest,
    VersionToSign,
    check_time,
    version_to_sign,
)
from services.records.summary.steps.opened_sheets import open_sheet
from services.records.summary.steps.own_version import load_previous
from services.records.summary.steps.sheet_searches import TracedConfirmation, search_sheets
from services.records.tracking.steps.depositor import depositor_of
from shared.crypto.keyring import Keyring
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class SigningContext:
    """What signing needs besides what reading needs: the ring of fingerprints, which confirms a person."""

    read: ReadContext
    ins_hmac: Keyring


@dataclass(frozen=True, slots=True)
class Preview:
    """A version as it would be signed: its CDA, and the ETag of the sheet of which it was made."""

    content: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class SigningProof:
    """What shows that doctors sign what they have read: the SHA-256 of the previewed CDA, and the ETag of the sheet."""

    sha256: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    version: VersionToSign
    content: bytes
    etag: str


async def preview_summary(context: SigningContext, caller: Caller, record_id: UUID, request: SigningRequest) -> Preview:
    """Returns the version that the request would sign.

    Raises SigningTimeError, LineNotOfferedError, StatementChapterError, PatientMismatchError, NotFoundError,
    ForbiddenError, UncheckableError.
    """
    prepared = await _prepare(context, caller, record_id, request, "preview")
    return Preview(prepared.content, prepared.etag)


async def sign_summary(
    context: SigningContext, caller: Caller, record_id: UUID, request: SigningRequest, proof: SigningProof
) -> UUID:
    """Deposits the version, and returns the deposit's id.

    Raises SheetChangedError, PreviewDiffersError, SessionOverError, what `preview_summary` raises, and what
    `deposit_documents` raises.
    """
    depositor = depositor_of(caller)
    prepared = await _prepare(context, caller, record_id, request, "signature")
    if prepared.etag != proof.etag:
        raise SheetChangedError
    if hashlib.sha256(prepared.content).digest() != proof.sha256:
        raise PreviewDiffersError
    block = prepared.version.block
    sheet = SignedSheet(caller.id, tuple(cited_documents(block.lines)), encode_signatures(block))
    submission = await asyncio.to_thread(submission_of_cda, prepared.content, ())
    locator = RecordLocator(context.ins_hmac, record_id)
    deposit = await deposit_documents(context.read, locator, depositor, submission, prepared.content, sheet)
    return deposit.id


@retry_while_locked
async def _prepare(
    context: SigningContext, caller: Caller, record_id: UUID, request: SigningRequest, traced: TracedConfirmation
) -> _Prepared:
    now = clock.now()
    check_time(request.written_at, now)
    async with context.read.pool.acquire() as connection:
        await check_session(connection, caller.session_id)
        async with read_locked(connection):
            searches = await search_sheets(connection, context.read, caller, record_id, traced)
        permit = first_permit([sheet.search for sheet in searches])
        require_permit(searches[0].confirmation.decision)
        await confirm_person(connection, context.ins_hmac, record_id, request.patient.ins, request.patient.traits)
        opened = await open_sheet(connection, context.read, permit, caller, searches, now)
        previous = await load_previous(connection, context.read, permit, opened.own)
    facts = stated_by(opened.offered, now)
    version = version_to_sign(opened.sheet, opened.offered, facts, request, previous)
    content = await asyncio.to_thread(write_cda, version.sheet)
    return _Prepared(version, content, sheet_body(opened.sheet, opened.confirmable).etag)
