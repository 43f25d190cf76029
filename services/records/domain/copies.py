"""What the copies say of a record and how old they are; and what is said of what does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.records.domain.choices import NO_CHOICES, Choices
from services.records.domain.people import NOBODY, People
from shared.contracts.base import Seen
from shared.contracts.topics import CONSENT_STATES, IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.messaging.freshness import are_fresh, decoy_watermarks
from shared.terminology.matrix import Matrix

COPIED = (IDENTITY_RECORDS.name, CONSENT_STATES.name, IDENTITY_PEOPLE.name, IDENTITY_ERASURES.name)
"""The topics about one record that a read rests on; the people only where somebody acts for the holder."""
PROXIES = frozenset({"representative", "carer"})


@dataclass(frozen=True, slots=True)
class CopyAge:
    """How old the copies are that a read rests on: the watermarks of the record's partitions; whether one is broken,
    or the labels of the record's documents may be older than they were.

    `matrix_at`: that of the matrices' oldest partition. A broken one, whatever its name, may be the one in force.
    `erasures_at`: what was erased before that moment is gone from here. `other`: the age for the person's other record.
    """

    record_at: datetime | None
    choices_at: datetime | None
    broken: bool = False
    people_at: datetime | None = None
    people_broken: bool = False
    matrix_at: datetime | None = None
    matrix_broken: bool = False
    erasures_at: datetime | None = None
    other: "CopyAge | None" = None

    def is_fresh(self, now: datetime, limit: timedelta, kind: str = "") -> bool:
        """Whether all that count for somebody of that kind are known and young enough."""
        notices, broken = [self.record_at, self.choices_at, self.erasures_at], self.broken
        if kind in PROXIES:
            notices, broken = [*notices, self.people_at], broken or self.people_broken
        elif kind == "professional":
            notices, broken = [*notices, self.matrix_at], broken or self.matrix_broken
        if self.other is not None and not self.other.is_fresh(now, limit, kind):
            return False
        return not broken and are_fresh(notices, now, limit)


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What is known of a record. `id` None: there is no such record.

    `linked_to`: the other record of the same person. Its blocks hold here too, and `age` is that of both copies.
    `matrix` None: the one in force is not known here. `awaits_recovery`: commits about its documents may have been
    lost, so that labels may be older than they were; nobody changes them until they are recovered.
    """

    id: UUID | None
    status: str
    record_version: int
    choices_version: int | None
    age: CopyAge
    choices: Choices = NO_CHOICES
    people: People = NOBODY
    people_version: int | None = None
    linked_to: UUID | None = None
    awaits_recovery: bool = False
    matrix: Matrix | None = field(default=None, compare=False)

    def beside(self, other: "RecordFacts") -> "RecordFacts":
        """The same, knowing the other record of the person: what is blocked there is blocked here."""
        blocked = self.choices.blocked | other.choices.blocked
        return replace(self, choices=replace(self.choices, blocked=blocked), age=replace(self.age, other=other.age))

    def is_fresh_for(self, kind: str, now: datetime, limit: timedelta) -> bool:
        """Whether what a decision about somebody of that kind rests on is young enough, and here at all."""
        if kind == "professional" and self.matrix is None:
            return False
        return self.age.is_fresh(now, limit, kind)

    def seen_by(self, kind: str) -> Seen:
        """The versions of the copies that a decision about somebody of that kind rests on."""
        seen = {IDENTITY_RECORDS.name: self.record_version}
        if self.choices_version is not None:
            seen[CONSENT_STATES.name] = self.choices_version
        if kind in PROXIES and self.people_version is not None:
            seen[IDENTITY_PEOPLE.name] = self.people_version
        return seen


def nothing(age: CopyAge, matrix: Matrix | None) -> RecordFacts:
    """The facts of a record that does not exist, or that nobody can tell of."""
    return RecordFacts(None, "unknown", 0, None, age, matrix=matrix)


def stand_in_age(watermarks: Mapping[str, Sequence[datetime]], number: int) -> CopyAge:
    """An age for what does not exist: that of some partition, always the same for the same thing.

    The age of the matrices is left out: it is one for everything.
    """
    record_at, choices_at, people_at, erasures_at = decoy_watermarks(watermarks, COPIED, number)
    return CopyAge(record_at, choices_at, people_at=people_at, erasures_at=erasures_at)
