"""Facts of a read: what the copies say, how old they are, and what is said of what does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from services.records.domain.documents import Head
from shared.access import Permit, ReadFacts, Refusal
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Seen
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.errors import ForbiddenError, NotFoundError, UncheckableError

COPIED = (IDENTITY_RECORDS.name, CONSENT_STATES.name)
"""The topics that a read rests on."""
ReadAction = Literal["read-document", "find-documents"]


@dataclass(frozen=True, slots=True)
class CopyAge:
    """How old the copies are that a read rests on: the watermarks of the record's partitions; whether one is broken."""

    record_at: datetime | None
    choices_at: datetime | None
    broken: bool = False

    def older(self, other: "CopyAge") -> "CopyAge":
        """The age of both together."""
        return CopyAge(
            _earlier(self.record_at, other.record_at),
            _earlier(self.choices_at, other.choices_at),
            self.broken or other.broken,
        )

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether both are known and young enough."""
        if self.broken or self.record_at is None or self.choices_at is None:
            return False
        return now - min(self.record_at, self.choices_at) <= limit


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What is known of a record for one who asks. `id` None: there is no such record.

    `linked_to`: the other record of the same person. Its blocks hold here too, and `age` is that of the older copies.
    """

    id: UUID | None
    status: str
    record_version: int
    choices_version: int | None
    authorised: bool
    blocked: bool
    age: CopyAge
    linked_to: UUID | None = None

    def beside(self, other: "RecordFacts") -> "RecordFacts":
        """The same, knowing the other record of the person: what is blocked there is blocked here."""
        return replace(self, blocked=self.blocked or other.blocked, age=self.age.older(other.age))

    @property
    def seen(self) -> Seen:
        """The versions of the copies that a decision rests on."""
        versions = {IDENTITY_RECORDS.name: self.record_version}
        return versions if self.choices_version is None else versions | {CONSENT_STATES.name: self.choices_version}


class Asker(Protocol):
    """The part of a caller that the rules look at."""

    @property
    def kind(self) -> str:
        """patient, professional, software ..."""

    @property
    def id(self) -> str:
        """Record id, national id, client id."""

    @property
    def profession(self) -> str | None:
        """Of a professional."""

    @property
    def organisation_id(self) -> str | None:
        """Where there is one."""

    @property
    def record_id(self) -> UUID | None:
        """Of a patient."""

    @property
    def mode(self) -> str:
        """The access mode stated when the token was asked for."""

    def actor(self) -> Actor:
        """The same for the ledger."""


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)


def nothing(age: CopyAge) -> RecordFacts:
    """The facts of a record that does not exist, or that nobody can tell of."""
    return RecordFacts(None, "unknown", 0, None, False, False, age)


def stand_in_age(watermarks: Mapping[str, Sequence[datetime]], number: int) -> CopyAge:
    """An age for what does not exist: that of some partition, always the same for the same thing.

    So that "too old to be checked" is told as often, and as steadily, of what does not exist as of what does.
    """
    record_at, choices_at = (
        marks[number % len(marks)] if (marks := watermarks.get(topic, ())) else None for topic in COPIED
    )
    return CopyAge(record_at, choices_at)


def read_facts(
    asker: Asker, action: Literal["read", "find"], record: RecordFacts, head: Head | None, *, fresh: bool
) -> ReadFacts:
    """What the access rules are asked with."""
    return ReadFacts(
        actor_kind=asker.kind,
        profession=asker.profession,
        mode=asker.mode,
        action=action,
        own_record=asker.kind == "patient"
        and asker.record_id is not None
        and asker.record_id in (record.id, record.linked_to),
        record_status=record.status,
        choices_known=record.choices_version is not None,
        copies_fresh=fresh,
        authorised=record.authorised,
        blocked=record.blocked,
        document_status=head.status if head else None,
        labels=head.labels if head else frozenset(),
        own_deposit=head is not None
        and asker.organisation_id is not None
        and asker.organisation_id == head.organisation_id,
        author=head is not None and asker.kind == "professional" and asker.id in head.author_ids,
    )


def access_of(
    asker: Asker,
    action: ReadAction,
    decision: Permit | Refusal,
    record: RecordFacts,
    document_id: UUID | None = None,
) -> AccessRecorded | None:
    """What the ledger is told; nothing where there is no record to tell it of."""
    if record.id is None:
        return None
    permitted = isinstance(decision, Permit)
    return AccessRecorded(
        record_id=record.id,
        actor=asker.actor(),
        mode=asker.mode,
        action=action,
        outcome="permitted" if permitted else "refused",
        reason=decision.rule if isinstance(decision, Permit) else decision.reason,
        document_id=document_id,
        rules_version=decision.rules_version,
        state_version=record.choices_version,
        seen=record.seen,
    )


def insisted(decision: Permit | Refusal) -> Permit:
    """The Permit. Raises UncheckableError, NotFoundError (somebody chose to hide it), ForbiddenError (the rest)."""
    match decision:
        case Permit():
            return decision
        case Refusal(retry=True):
            raise UncheckableError
        case Refusal(by_choice=True):
            raise NotFoundError
        case Refusal():
            raise ForbiddenError
