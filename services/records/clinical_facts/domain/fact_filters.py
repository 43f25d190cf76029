"""Which facts a search asks for, and the position at which a page of them begins."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact, FactGroup, FactKind, group_of
from services.records.clinical_facts.domain.resources.elements import coding
from services.records.clinical_facts.domain.values import FactTime
from services.records.documents.domain.search import LAST_ID

_ALL_GROUPS: Final[tuple[FactGroup, ...]] = ("summary", "results", "other")


@dataclass(frozen=True, slots=True)
class FactFilters:
    """What a fact must have; None where it does not matter.

    `kinds`: one of these. `code`: of what it is about, in the system of FHIR `system` or, with None, in any.
    `first`, `last`: days that its time must reach into; a fact whose time is unknown then does not match.
    """

    kinds: frozenset[FactKind] | None = None
    code: str | None = None
    system: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def groups(self) -> frozenset[FactGroup]:
        """The groups in which such facts stand."""
        return frozenset(_ALL_GROUPS if self.kinds is None else map(group_of, self.kinds))

    def admits(self, fact: ClinicalFact) -> bool:
        """Returns whether the fact matches."""
        if self.kinds is not None and fact.kind not in self.kinds:
            return False
        if self.code is not None and not self._names(fact):
            return False
        return (self.first is None and self.last is None) or self._reaches(fact.time)

    def _names(self, fact: ClinicalFact) -> bool:
        codings = fact.code.codings if fact.code is not None else ()
        return any(
            each.code == self.code and (self.system is None or coding(each).get("system") == self.system)
            for each in codings
        )

    def _reaches(self, time: FactTime | None) -> bool:
        if time is None or time.is_unknown:
            return False
        begin = _first_day(time.at or time.start) if time.at or time.start else date.min
        end = _last_day(time.at or time.end) if time.at or time.end else date.max
        return (self.last is None or begin <= self.last) and (self.first is None or end >= self.first)


@dataclass(frozen=True, slots=True)
class FactCursor:
    """Where a page begins: in this document after so many of its facts, then in older ones."""

    document_id: UUID = LAST_ID
    passed: int = 0

    @classmethod
    def parse(cls, text: str) -> "FactCursor":
        """Returns the position that `str()` wrote. Raises ValueError."""
        id, _, passed = text.partition(".")
        if not (passed.isascii() and passed.isdigit() and len(passed) < 6):
            raise ValueError("no position")
        return cls(UUID(id), int(passed))

    def __str__(self) -> str:
        return f"{self.document_id}.{self.passed}"


def _first_day(text: str | None) -> date:
    year, month, day = _parts(text)
    return date(year, month or 1, day or 1)


def _last_day(text: str | None) -> date:
    year, month, day = _parts(text)
    month = month or 12
    return date(year, month, day or monthrange(year, month)[1])


def _parts(text: str | None) -> tuple[int, int, int]:
    """Returns year, month and day of an ISO 8601 text; 0 for what it leaves out."""
    numbers = [int(part) for part in (text or "").partition("T")[0].split("-")]
    year, month, day, *_ = [*numbers, 0, 0]
    return year, month, day
