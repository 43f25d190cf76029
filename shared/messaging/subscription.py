"""What a service does with the messages of one consumer group."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.contracts.base import Event
from shared.contracts.declarations import Group
from shared.db.pool import Connection
from shared.erasure import erased_records
from shared.messaging.envelope import InvalidRecord

Handler = Callable[[Connection, list[Any]], Awaitable[set[bytes] | None]]
"""Given the transaction and the messages (`Message[...]`, in order), does the statements and one `append`.

The handler of a state topic returns the Kafka keys whose copy it raised to a newer version.
"""
AwaitingVersion = Callable[[Connection, list[Any]], Awaitable[set[Any]]]
"""Which of these messages (their ids) rest on a version of a copy that is not here yet."""
Quarantine = Callable[[Connection, list[InvalidRecord]], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """What a service does with a group's messages.

    `events`: the types it handles; others are passed over. `uses_inbox`: through the inbox (False where the handler
    deduplicates by itself: version guard, natural key). `awaiting_version`: the wait for own copies. `quarantine`
    replaces parking (the ledger): nothing waits behind a letter, and letters alone never stop the group.
    `skips_erased_records`: whether messages about an erased record are dropped (not where erasure itself is dealt with,
    nor by the ledger). `enters_unknown_types`: an event type that this release does not know is a letter (the ledger
    must have no hole).
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
        """The records among Kafka keys whose messages are dropped once they are erased, by key."""
        return erased_records.record_ids(keys) if self.skips_erased_records else {}

    @property
    def is_state(self) -> bool:
        """Whether the group follows state topics."""
        return self.group.topics[0].kind == "state"

    @property
    def vouches(self) -> bool:
        """Whether freshness asks this group's watermarks, so that what it cannot read breaks the copy of a record."""
        return self.group.topics[0].has_heartbeats
