"""Decides whether a caller may read a record's ledger: the patient may, representatives while the record is open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.audit.accesses.domain import access_list_facts
from services.audit.copies import store
from services.audit.kit.announcements import announce
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
    """Only the patient or a representative can see who did what with a record."""

    french = "Seules la personne titulaire et celles qui la représentent voient qui a fait quoi dans un dossier."


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A caller's request to read the ledger of a record, with the decision of the access rules."""

    record_id: UUID
    caller: Caller
    facts: Facts
    decision: Permit | Refusal

    @property
    def is_permitted(self) -> bool:
        """Returns whether the caller may read anything."""
        return isinstance(self.decision, Permit)

    @property
    def is_representative(self) -> bool:
        """Returns whether the caller is a representative, and not the patient."""
        return self.caller.kind == "representative"

    async def readable_records(self, connection: Connection) -> list[UUID]:
        """Returns the ids of the records that the caller may read.

        Returns none after a refusal; for the patient both linked records.
        """
        if not self.is_permitted:
            return []
        return [self.record_id] if self.is_representative else await find_linked_records(connection, self.record_id)

    def announcements(self, action: Action, records: Iterable[UUID]) -> list[Announcement]:
        """Returns the request as entries for the ledger of each record.

        A refused request is entered if audit has the record, or if the caller's token was issued for it.
        """
        if not self.is_permitted:
            belongs_in_ledger = self.facts.record_status != "unknown" or self.caller.record_id == self.record_id
            records = [self.record_id] if belongs_in_ledger else []
        return [announce(self._entry(action, id)) for id in records]

    def raise_if_refused(self, action: Action) -> None:
        """Raises the error of a refusal: ForbiddenError, UncheckableError, or NotFoundError to hide the existence."""
        if isinstance(self.decision, Refusal):
            REFUSED.labels(action, self.decision.reason).inc()
            raise _error_of(self.decision)

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


async def check_access_request(
    connection: Connection, caller: Caller, record_id: UUID, limit: timedelta
) -> AccessRequest:
    """Decides a request. `limit`: the greatest age of the copies on which a representative acts.

    Raises SessionOverError, and NotFoundError if the caller's record was erased.
    """
    await check_session(connection, caller.session_id)
    is_own_record = caller.record_id == record_id
    if is_own_record and await erased_among(connection, [record_id]):
        raise NotFoundError
    copy = await store.find_record_copy(connection, record_id)
    facts = access_list_facts(caller.actor(), caller.mode, copy, clock.now(), limit, is_own_record=is_own_record)
    return AccessRequest(record_id, caller, facts, decide(facts))


async def find_linked_records(connection: Connection, record_id: UUID) -> list[UUID]:
    """Returns the record and its linked one, sorted; an erased linked record is left out."""
    linked_id = await store.find_linked_record(connection, record_id)
    if linked_id is None or await erased_among(connection, [linked_id]):
        return [record_id]
    return sorted([record_id, linked_id])


def _error_of(refusal: Refusal) -> ClientError:
    if refusal.retry:
        return UncheckableError()
    if refusal.hides_existence:
        return NotFoundError()
    return AccessesForbiddenError()
