"""Explains an entry of the ledger to those whom it concerns."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.audit.accesses.steps import AccessRequest, check_access_request
from services.audit.copies.store import find_erasure_watermarks
from services.audit.explanations import store
from services.audit.explanations.domain import (
    Explanation,
    Language,
    LedgerDecision,
    ReaderKind,
    explain,
    is_explained_to_professional,
)
from services.audit.kit.announcements import announce
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.tokens import Caller
from shared.messaging.freshness import are_fresh
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology import access_modes


class ExplanationForbiddenError(ForbiddenError):
    """Only the patient, a representative, and the professional who made the request can see why."""

    french = "Le pourquoi se dit à la personne, à qui la représente et au professionnel qui a demandé."


async def explain_decision(
    pool: Pool, caller: Caller, event_id: UUID, language: Language, copy_limit: timedelta
) -> Explanation:
    """Returns the explanation of an entry: for the patient and representatives of their record's entries, for a
    professional of their own. Each request becomes an entry of the ledger itself.

    Raises ForbiddenError for other callers; NotFoundError for an entry that does not exist, that is not theirs, or that
    they may not know: for a professional a refusal by a patient's choice is like one that does not exist, and a
    representative learns nothing of a closed record. Raises UncheckableError if the copy that this rests on is older
    than `copy_limit`: that of the record, or for a professional that of the erasures alone.
    """
    reader = _reader_kind(caller)
    if reader is None:
        raise await _record_refusal(pool, caller, event_id, ExplanationForbiddenError(), "kind-not-permitted")
    if reader == "professional" and not await _are_erasures_fresh(pool, copy_limit):
        raise await _record_refusal(pool, caller, event_id, UncheckableError(), "copies-too-old")
    async with transaction(pool) as connection:
        request = await _check_patient_side(connection, caller, copy_limit)
        if request is None or request.is_permitted:
            entry = await _find_explainable(connection, caller, request, event_id)
        else:
            entry = None
            await append(connection, request.announcements("explain-decision", []))
    if request is not None:
        request.raise_if_refused("explain-decision")
    if entry is None:
        REFUSED.labels("explain-decision", "not-told").inc()
        raise NotFoundError
    return explain(entry, reader, language)


async def _check_patient_side(connection: Connection, caller: Caller, copy_limit: timedelta) -> AccessRequest | None:
    """Decides the request of a patient or representative before anything is read; None for a professional."""
    if caller.kind == "professional":
        return None
    if caller.record_id is None:
        raise NotFoundError
    return await check_access_request(connection, caller, caller.record_id, copy_limit)


async def _find_explainable(
    connection: Connection, caller: Caller, request: AccessRequest | None, event_id: UUID
) -> LedgerDecision | None:
    """Returns the entry with the facts of its decision; None if the caller may not know it. Announces the request.
    Raises NotFoundError if there is no such entry."""
    entry = await store.find_entry(connection, event_id)
    if entry is None or await erased_among(connection, [entry.record_id]):
        raise NotFoundError
    decision = await _with_decision_facts(connection, entry)
    reason = await _reason_to_explain(connection, caller, request, entry)
    if request is None and not is_explained_to_professional(decision):
        reason = None
    await append(connection, [announce(_access_event(caller, entry, reason))])
    return None if reason is None else decision


async def _are_erasures_fresh(pool: Pool, copy_limit: timedelta) -> bool:
    async with pool.acquire() as connection:
        watermarks = await find_erasure_watermarks(connection)
    return are_fresh(watermarks, clock.now(), copy_limit)


async def _record_refusal(pool: Pool, caller: Caller, event_id: UUID, error: ClientError, reason: str) -> ClientError:
    """Returns the error whether or not there is such an entry; if there is, the refusal is announced to its record's
    ledger."""
    async with transaction(pool) as connection:
        entry = await store.find_entry(connection, event_id)
        if entry is not None and not await erased_among(connection, [entry.record_id]):
            await append(connection, [announce(_access_event(caller, entry, None, reason))])
    REFUSED.labels("explain-decision", reason).inc()
    return error


def _reader_kind(caller: Caller) -> ReaderKind | None:
    match caller.kind:
        case "patient" | "representative" | "professional":
            return caller.kind
        case _:
            return None


async def _reason_to_explain(
    connection: Connection, caller: Caller, request: AccessRequest | None, entry: LedgerDecision
) -> str | None:
    """Returns why the caller may see this entry; None if they may not. `request`: None for a professional."""
    if request is None:
        is_own_entry = entry.actor_kind == "professional" and entry.actor_id == caller.id
        return "own-entry" if is_own_entry else None
    is_representative = request.is_representative
    readable_records = await request.readable_records(connection)
    if entry.record_id not in readable_records or (is_representative and entry.mode == access_modes.SECRET):
        return None
    if entry.document_id is not None and not await store.is_document_visible(
        connection, entry.record_id, entry.document_id, to_representatives=is_representative
    ):
        return None
    return "representative" if is_representative else "own-record"


async def _with_decision_facts(connection: Connection, entry: LedgerDecision) -> LedgerDecision:
    """Returns the entry with the facts of the decision that it rests on: a publication or refusal names that of its
    deposit."""
    decision_id = entry.details.get("decision_id")
    if "facts" in entry.details or decision_id is None:
        return entry
    decision = await store.find_entry(connection, UUID(decision_id))
    if decision is None or decision.record_id != entry.record_id:
        return entry
    facts = {name: value for name, value in decision.details.get("facts", {}).items() if name != "organisation_id"}
    return replace(
        entry,
        outcome=decision.outcome,
        reason=decision.reason,
        rules_version=decision.rules_version,
        details={**entry.details, "facts": facts},
    )


def _access_event(
    caller: Caller, entry: LedgerDecision, reason: str | None, refusal_reason: str = "not-told"
) -> AccessRecorded:
    return AccessRecorded(
        record_id=entry.record_id,
        actor=caller.actor(),
        action="explain-decision",
        outcome="refused" if reason is None else "permitted",
        reason=reason or refusal_reason,
        document_id=entry.document_id,
        mode=caller.mode,
    )
