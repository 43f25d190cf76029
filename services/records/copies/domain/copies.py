"""What the local copies say about a record and how old they are; and the decoy for a record that does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.records.copies.domain.choices import NO_CHOICES, Choices
from services.records.copies.domain.people import NOBODY, People
from shared.contracts.base import Seen
from shared.contracts.topics import CONSENT_STATES, IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.crypto.vault import WrappedKey
from shared.messaging.freshness import are_fresh, decoy_watermarks
from shared.terminology.matrix import Matrix

COPIED_TOPICS = (IDENTITY_RECORDS.name, CONSENT_STATES.name, IDENTITY_PEOPLE.name, IDENTITY_ERASURES.name)
"""The topics about one record that a read rests on; `IDENTITY_PEOPLE` only where somebody acts for the holder."""
PROXIES = frozenset({"representative", "carer"})
"""The kinds of callers who act for the holder."""


@dataclass(frozen=True, slots=True)
class CopyAge:
    """The watermarks of the copies that a read rests on.

    Each `_at` is the watermark of the record's partition of one topic: everything sent before it is applied here.
    `matrix_at` is the oldest watermark of all partitions of the matrices. `broken`: a copy could not be applied, or the
    labels of the record's documents may be outdated after lost commits. `matrix_broken`: some matrix could not be
    applied, and it may be the one in force. `other`: the age of the copies of the person's other record.
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

    def is_fresh(self, now: datetime, max_age: timedelta, kind: str = "") -> bool:
        """Returns whether every copy that counts for a caller of this kind is known and at most `max_age` old."""
        watermarks, broken = [self.record_at, self.choices_at, self.erasures_at], self.broken
        if kind in PROXIES:
            watermarks, broken = [*watermarks, self.people_at], broken or self.people_broken
        elif kind == "professional":
            watermarks, broken = [*watermarks, self.matrix_at], broken or self.matrix_broken
        if self.other is not None and not self.other.is_fresh(now, max_age, kind):
            return False
        return not broken and are_fresh(watermarks, now, max_age)


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What the copies say about a record. `id` is None where there is no such record.

    `linked_to`: the other record of the same person; its blocks hold here too, and `age` covers the copies of both.
    `matrix` is None where the matrix in force is not known here. `awaits_recovery`: the database may have lost commits
    about the record's documents, so their labels may be outdated; they cannot be changed until they are recovered.
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

    def with_other_record(self, other: "RecordFacts") -> "RecordFacts":
        """Returns these facts combined with the person's other record: blocks there hold here too."""
        blocked = self.choices.blocked | other.choices.blocked
        return replace(self, choices=replace(self.choices, blocked=blocked), age=replace(self.age, other=other.age))

    def is_fresh_for(self, kind: str, now: datetime, max_age: timedelta) -> bool:
        """Returns whether all that a decision on a caller of this kind rests on is known and at most `max_age` old."""
        if kind == "professional" and self.matrix is None:
            return False
        return self.age.is_fresh(now, max_age, kind)

    def seen_versions(self, kind: str) -> Seen:
        """Returns topic -> version of the copies that a decision about a caller of this kind rests on."""
        versions = {IDENTITY_RECORDS.name: self.record_version}
        if self.choices_version is not None:
            versions[CONSENT_STATES.name] = self.choices_version
        if kind in PROXIES and self.people_version is not None:
            versions[IDENTITY_PEOPLE.name] = self.people_version
        return versions


def absent_record_facts(age: CopyAge, matrix: Matrix | None) -> RecordFacts:
    """Returns the facts of a record that does not exist."""
    return RecordFacts(None, "unknown", 0, None, age, matrix=matrix)


def decoy_age(watermarks: Mapping[str, Sequence[datetime]], seed: int) -> CopyAge:
    """Returns a decoy age for a record that does not exist: the watermarks of the partition that the seed selects.

    The watermark of the matrices is left out, because it is the same for every record.
    """
    record_at, choices_at, people_at, erasures_at = decoy_watermarks(watermarks, COPIED_TOPICS, seed)
    return CopyAge(record_at, choices_at, people_at=people_at, erasures_at=erasures_at)


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """A record from the local copy of identity's state. `traits`: name of the trait -> fingerprint."""

    bucket: int
    id: UUID
    version: int
    status: str
    traits: Mapping[str, str | None]
    key: WrappedKey


ProfessionsById = Mapping[str, str | None]
"""National id -> profession (JDV_J65) of those that the directory knows; None: does not practise (any more)."""
