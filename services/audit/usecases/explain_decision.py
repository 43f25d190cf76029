"""Somebody asks why something was permitted or refused: an entry of the ledger, explained to those whom it concerns."""

from dataclasses import replace
from uuid import UUID

from services.audit.explaining import Decided, Explanation, Language, Party, explain, is_told_to_asker
from services.audit.store import explaining as store
from services.audit.usecases.list_accesses import records_of_one
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasing import erased_among
from shared.errors import ForbiddenError, NotFoundError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append


async def explain_decision(pool: Pool, caller: Caller, event_id: UUID, language: Language) -> Explanation:
    """To the person and whoever represents the person, of their record; to a professional, of own entries. The asking
    is an entry itself.

    Raises ForbiddenError for anybody else; NotFoundError for what is not here, of others, or not theirs to know: the
    professional learns no more of a refusal by somebody's choice than of what does not exist.
    """
    party = _party(caller)
    async with transaction(pool) as connection:
        entry = await store.find_entry(connection, event_id)
        if entry is None or await erased_among(connection, [entry.record_id]):
            raise NotFoundError
        decided = await _decided(connection, entry)
        reason = await _concerns(connection, caller, party, entry)
        if party == "professional" and not is_told_to_asker(decided):
            reason = None
        await append(connection, [announce(_asked(caller, entry, reason))])
    if reason is None:
        REFUSED.labels("explain-decision", "not-told").inc()
        raise NotFoundError
    return explain(decided, party, language)


def _party(caller: Caller) -> Party:
    match caller.kind:
        case "patient" | "representative" | "professional":
            return caller.kind
        case _:
            raise ForbiddenError("Only the person, whoever represents the person, and the professional who asked.")


async def _concerns(connection: Connection, caller: Caller, party: Party, entry: Decided) -> str | None:
    """Why this entry is the asker's affair; None where it is not."""
    if party == "professional":
        own = entry.actor_kind == "professional" and entry.actor_id == caller.id
        return "own-entry" if own else None
    if caller.record_id is None:
        return None
    representing = party == "representative"
    mine = [caller.record_id] if representing else await records_of_one(connection, caller.record_id)
    if entry.record_id not in mine or (representing and entry.mode == "secret"):
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


def _asked(caller: Caller, entry: Decided, reason: str | None) -> AccessRecorded:
    return AccessRecorded(
        record_id=entry.record_id,
        actor=caller.actor(),
        action="explain-decision",
        outcome="refused" if reason is None else "permitted",
        reason=reason or "not-told",
        document_id=entry.document_id,
        mode=caller.mode,
    )
