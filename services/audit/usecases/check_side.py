"""Who sees what the ledger says of a record: its holder, and who represents the holder while it is open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.audit.announcements import announce
from services.audit.asking import facts_of
from services.audit.store import records as store
from shared.access import Facts, Permit, Refusal, decide, encode_facts
from shared.contracts.audit import AccessRecorded, Action
from shared.db.pool import Connection
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import Announcement
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


class AccessesForbiddenError(ForbiddenError):
    """Only the patient, or whoever represents the patient, can see who did what with a record."""

    french = "Seuls le patient et qui le représente voient qui a fait quoi dans un dossier."


@dataclass(frozen=True, slots=True)
class Side:
    """Who asks about a record, and what the rules answered."""

    record_id: UUID
    caller: Caller
    facts: Facts
    decision: Permit | Refusal

    @property
    def is_permitted(self) -> bool:
        """Whether anything may be looked at."""
        return isinstance(self.decision, Permit)

    @property
    def representing(self) -> bool:
        """Whether a representative asks, and not the patient."""
        return self.caller.kind == "representative"

    async def records(self, connection: Connection) -> list[UUID]:
        """The records that may be looked at: none where that was refused; to the holder both of one person."""
        if not self.is_permitted:
            return []
        return [self.record_id] if self.representing else await records_of_one(connection, self.record_id)

    def entries(self, action: Action, records: Iterable[UUID]) -> list[Announcement]:
        """The asking, for the ledger of each record; a refused one where the record is known here, or said to be the
        asker's own."""
        if not self.is_permitted:
            is_there = self.facts.record_status != "unknown" or self.caller.record_id == self.record_id
            records = [self.record_id] if is_there else []
        return [announce(self._entry(action, id)) for id in records]

    def raise_if_refused(self, action: Action) -> None:
        """Raises ForbiddenError, UncheckableError, or NotFoundError for what is refused by choice."""
        if isinstance(self.decision, Refusal):
            REFUSED.labels(action, self.decision.reason).inc()
            raise _error(self.decision)

    def _entry(self, action: Action, record_id: UUID) -> AccessRecorded:
        return AccessRecorded(
            record_id=record_id,
            actor=self.caller.actor(),
            action=action,
            outcome="permitted" if self.is_permitted else "refused",
            reason=self.decision.rule if isinstance(self.decision, Permit) else self.decision.reason,
            mode=self.caller.mode,
            rules_version=self.decision.rules_version,
            facts=encode_facts(self.facts),
        )


async def check_side(connection: Connection, caller: Caller, record_id: UUID, limit: timedelta) -> Side:
    """`limit`: how old the copies of the record and of its people may be on which a representative acts. Raises
    SessionOverError; NotFoundError where the record was erased."""
    await check_session(connection, caller.session_id)
    own = caller.record_id == record_id
    if own and await erased_among(connection, [record_id]):
        raise NotFoundError
    known = await store.find_known(connection, record_id)
    facts = facts_of(caller, known, clock.now(), limit, own=own)
    return Side(record_id, caller, facts, decide(facts))


async def records_of_one(connection: Connection, record_id: UUID) -> list[UUID]:
    """The record and the one that is linked with it, if that is not erased."""
    other = await store.find_linked(connection, record_id)
    if other is None or await erased_among(connection, [other]):
        return [record_id]
    return sorted([record_id, other])


def _error(refusal: Refusal) -> ClientError:
    if refusal.retry:
        return UncheckableError()
    if refusal.hides_existence:
        return NotFoundError()
    return AccessesForbiddenError()
