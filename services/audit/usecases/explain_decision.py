"""Somebody asks why something was permitted or refused: an entry of the ledger, explained to those whom it concerns."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.audit.announcements import announce
from services.audit.explaining import Decided, Explanation, Language, Party, explain, is_told_to_asker
from services.audit.store import explaining as store
from services.audit.store.records import find_erasure_watermarks
from services.audit.usecases.check_side import Side, check_side
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.tokens import Caller
from shared.messaging.freshness import are_fresh
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


class ExplanationForbiddenError(ForbiddenError):
    """Why is told to the person, to whoever represents the person, and to the professional who asked."""

    french = "Le pourquoi se dit à la personne, à qui la représente et au professionnel qui a demandé."


async def explain_decision(
    pool: Pool, caller: Caller, event_id: UUID, language: Language, copy_limit: timedelta
) -> Explanation:
    """To the person and whoever represents the person, of their record; to a professional, of own entries. The asking
    is an entry itself.

    Raises ForbiddenError for anybody else; NotFoundError for what is not here, of others, or not theirs to know: the
    professional learns no more of a refusal by somebody's choice than of what does not exist, and the representative
    nothing of a closed record. Raises UncheckableError where the copy that this rests on is older than `copy_limit`:
    that of the record, and of the erasures alone for a professional.
    """
    party = _party(caller)
    if party is None:
        raise await _refuse(pool, caller, event_id, ExplanationForbiddenError(), "kind-not-permitted")
    if party == "professional" and not await _has_read_erasures(pool, copy_limit):
        raise await _refuse(pool, caller, event_id, UncheckableError(), "copies-too-old")
    async with transaction(pool) as connection:
        side = await _side(connection, caller, copy_limit)
        if side is None or side.is_permitted:
            found = await _find(connection, caller, side, event_id)
        else:
            found = None
            await append(connection, side.entries("explain-decision", []))
    if side is not None:
        side.raise_if_refused("explain-decision")
    if found is None:
        REFUSED.labels("explain-decision", "not-told").inc()
        raise NotFoundError
    return explain(found, party, language)


async def _side(connection: Connection, caller: Caller, copy_limit: timedelta) -> Side | None:
    """Of the person's side, before anything is looked up; None for a professional."""
    if caller.kind == "professional":
        return None
    if caller.record_id is None:
        raise NotFoundError
    return await check_side(connection, caller, caller.record_id, copy_limit)


async def _find(connection: Connection, caller: Caller, side: Side | None, event_id: UUID) -> Decided | None:
    """None for what is not theirs to know; the asking is announced. Raises NotFoundError for what is not here."""
    entry = await store.find_entry(connection, event_id)
    if entry is None or await erased_among(connection, [entry.record_id]):
        raise NotFoundError
    decided = await _decided(connection, entry)
    reason = await _concerns(connection, caller, side, entry)
    if side is None and not is_told_to_asker(decided):
        reason = None
    await append(connection, [announce(_asked(caller, entry, reason))])
    return None if reason is None else decided


async def _has_read_erasures(pool: Pool, copy_limit: timedelta) -> bool:
    async with pool.acquire() as connection:
        watermarks = await find_erasure_watermarks(connection)
    return are_fresh(watermarks, clock.now(), copy_limit)


async def _refuse(pool: Pool, caller: Caller, event_id: UUID, error: ClientError, reason: str) -> ClientError:
    """Refuses alike whether there is such an entry; where there is, the ledger of its record has the refusal."""
    async with transaction(pool) as connection:
        entry = await store.find_entry(connection, event_id)
        if entry is not None and not await erased_among(connection, [entry.record_id]):
            await append(connection, [announce(_asked(caller, entry, None, reason))])
    REFUSED.labels("explain-decision", reason).inc()
    return error


def _party(caller: Caller) -> Party | None:
    match caller.kind:
        case "patient" | "representative" | "professional":
            return caller.kind
        case _:
            return None


async def _concerns(connection: Connection, caller: Caller, side: Side | None, entry: Decided) -> str | None:
    """Why this entry is the asker's affair; None where it is not. `side`: None for a professional."""
    if side is None:
        own = entry.actor_kind == "professional" and entry.actor_id == caller.id
        return "own-entry" if own else None
    representing = side.representing
    if entry.record_id not in await side.records(connection) or (representing and entry.mode == "secret"):
        return None
    if entry.document_id is not None and not await store.may_be_known(
        connection, entry.record_id, entry.document_id, to_representatives=representing
    ):
        return None
    return "representative" if representing else "own-record"


async def _decided(connection: Connection, entry: Decided) -> Decided:
    """With the facts of the decision that it rests on: a publication or refusal names that of its deposit."""
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


def _asked(caller: Caller, entry: Decided, reason: str | None, refused: str = "not-told") -> AccessRecorded:
    return AccessRecorded(
        record_id=entry.record_id,
        actor=caller.actor(),
        action="explain-decision",
        outcome="refused" if reason is None else "permitted",
        reason=reason or refused,
        document_id=entry.document_id,
        mode=caller.mode,
    )
