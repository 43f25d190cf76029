"""Issues a certificate: decides, signs, notes on what it rests and announces it, in one transaction under the fence.

Whoever takes a document back waits for the fence or comes first: a certificate rests on what is in force when it is
issued, and what is taken back afterwards revokes it. The certificate leaves only after the commit.
"""

from datetime import date
from uuid import UUID

from services.records.certificates.context import CertificateIssuing
from services.records.certificates.domain.certifiable import Lifetime
from services.records.certificates.domain.health_card import IssuedCard
from services.records.certificates.domain.requests import CertificateRequest, check_holder
from services.records.certificates.steps.certified_doses import DoseSources, find_doses
from services.records.copies.store import reads
from services.records.copies.store.records import find_record_by_id
from services.records.documents.domain.search import RecordSearch
from services.records.documents.steps.record_searches import search_one
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, require_permit
from services.records.facts.domain.facts import combination_of, document_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.revocations.domain import ISSUE, CertificateSource
from services.records.revocations.steps import new_rid
from services.records.revocations.store import insert_sources
from shared.access import Refusal, decide
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.moments import FRANCE
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


@retry_while_locked
async def issue_certificate(
    context: ReadContext, issuing: CertificateIssuing, caller: Caller, record_id: UUID, request: CertificateRequest
) -> IssuedCard:
    """Returns a new certificate about the selected doses of this record.

    The person's other record, if there is one, certifies its own doses: a link can turn out to be wrong. Raises
    NotFoundError, ForbiddenError, UncheckableError, SessionOverError, HolderMismatchError, NoDoseError,
    TooManyDosesError.
    """
    refusal: ClientError | None = None
    async with context.pool.acquire() as connection, reads.read_locked(connection):
        fenced = await reads.fence_by_id(connection, record_id)
        record = await reads.load_context(connection, context.matrices, fenced, record_id.int)
        search = await search_one(connection, context, caller, record, action="certify")
        try:
            await check_session(connection, caller.session_id)
            require_permit(search.decision)
            card = await _issue(connection, context, issuing, caller, search, request)
        except ClientError as error:
            refusal = error
            await _record_refusal(connection, caller, search, error)
    if refusal is not None:
        raise refusal
    return card


async def _issue(
    connection: Connection,
    context: ReadContext,
    issuing: CertificateIssuing,
    caller: Caller,
    search: RecordSearch,
    request: CertificateRequest,
) -> IssuedCard:
    """Returns the certificate, after what it rests on is stored and announced."""
    at = clock.now()
    copy = None if search.record.id is None else await find_record_by_id(connection, search.record.id)
    if copy is None:
        raise NotFoundError
    check_holder(issuing.ins_hmac, copy.id, copy.traits, request.holder)
    lifetime = Lifetime(date.fromisoformat(request.holder.birth_date), at.astimezone(FRANCE).date())
    key = context.vault.unwrap(copy.id, copy.key)
    sources = await find_doses(connection, key, caller, search, lifetime)
    doses = request.selection.select(sources.doses)
    card = issuing.issuer.issue(request.holder, doses, new_rid(), at, request.most_codes)
    await _announce(connection, caller, search, sources, card)
    return card


async def _announce(
    connection: Connection, caller: Caller, search: RecordSearch, sources: DoseSources, card: IssuedCard
) -> None:
    """Stores and announces on which documents the certificate rests: an entry of the ledger for each."""
    accesses, stored = [], []
    for id in sorted({dose.document_id for dose in card.doses}):
        document = sources.documents[id]
        source = CertificateSource(document.record_id, id, card.kid, card.rid)
        facts = document_facts(search.common, caller, search.record, combination_of(document, caller))
        event = access_event(caller, ISSUE, RuleDecision(facts, decide(facts)), search.record, id)
        assert event is not None, "there is a record"
        accesses.append(event.model_copy(update={"subject_id": source.subject}))
        stored.append(source)
    await insert_sources(connection, stored)
    await append(connection, [announce(access) for access in accesses])


async def _record_refusal(connection: Connection, caller: Caller, search: RecordSearch, error: ClientError) -> None:
    """Announces a refusal: that of the rules, or of a request that they permit and that fails."""
    decision = search.decision
    REFUSED.labels(ISSUE, decision.reason if isinstance(decision, Refusal) else error.code).inc()
    event = access_event(caller, ISSUE, RuleDecision(search.common, decision), search.record)
    if event is None:
        return
    if not isinstance(decision, Refusal):
        event = event.model_copy(update={"outcome": "refused", "reason": error.code})
    await append(connection, [announce(event)])
