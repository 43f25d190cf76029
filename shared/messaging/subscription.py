"""Declares how a service handles the messages of one consumer group."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.declarations import Group
from shared.db.pool import Connection
from shared.messaging.envelope import InvalidRecord, record_ids

Handler = Callable[[Connection, list[Any]], Awaitable[set[bytes] | None]]
"""Handles the messages (`Message[...]`, in order) in the given transaction, with at most one `append`. The handler
of a state topic returns the Kafka keys whose copy it raised to a newer version."""
AwaitingVersion = Callable[[Connection, list[Any]], Awaitable[set[Any]]]
"""Returns the ids of the messages that rest on a version of a copy that has not been applied here yet."""
Quarantine = Callable[[Connection, list[InvalidRecord]], Awaitable[None]]
"""Stores invalid records in the given transaction."""


@dataclass(frozen=True)
class Subscription:
    """The declaration of how a service handles the messages of a consumer group.

    `events`: the event types that it handles; others are skipped. `uses_inbox`: whether the inbox deduplicates events
    (False when the handler does so itself, by versions or a natural key). `awaiting_version`: finds the messages that
    must wait for a copy. `quarantine` (the ledger): stores invalid records; then no message is parked behind a dead
    letter, and dead letters alone never open the circuit breaker. `skips_erased_records`: whether messages about an
    erased record are dropped (False in groups that carry out erasures, and in the ledger). `enters_unknown_types`:
    whether an event type that this release does not know is an invalid record instead of being skipped (the ledger must
    have no gap).
    """

    group: Group
    events: tuple[type[Event], ...]
    handle: Handler
    uses_inbox: bool = True
    awaiting_version: AwaitingVersion | None = None
    quarantine: Quarantine | None = None
    skips_erased_records: bool = True
    enters_unknown_types: bool = False

    def erasable_records(self, keys: Iterable[bytes | None]) -> dict[bytes, UUID]:
        """Returns the record ids named by Kafka keys, by key; none if the group keeps messages about erased records."""
        return record_ids(keys) if self.skips_erased_records else {}

    @property
    def is_state(self) -> bool:
        """Whether the group reads state topics."""
        return self.group.topics[0].kind == "state"

    @property
    def parks_behind_dead_letters(self) -> bool:
        """Whether later messages of a dead letter's key are parked behind it."""
        return self.quarantine is None and not self.is_state

    @property
    def has_watermarks(self) -> bool:
        """Whether freshness relies on this group's watermarks, so that an invalid record breaks the copy of its key."""
        return self.group.topics[0].has_heartbeats
