"""A point of a line: a result, the documents that hold it, and its number in the unit of the line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.same_results import group_same_results
from services.records.clinical_facts.domain.values import Coding, FactTime, Quantity
from shared.cda.times import moment_of
from shared.terminology.clinical import first_oid
from shared.terminology.oids import LOINC
from shared.values import RedactedRepr

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Analysis(NamedTuple):
    """What was examined or measured: the OID of a code system and a code in it, LOINC where there is one."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True, repr=False)
class ResultSource(RedactedRepr):
    """A document version that the reader may read. `organisation_id`: national id of its organisation."""

    document_id: UUID
    title: str | None = None
    organisation_id: str | None = None
    organisation: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ReadableResult(RedactedRepr):
    """A result or a measure, and the document that holds it."""

    fact: ClinicalFact
    source: ResultSource

    @property
    def organisation_id(self) -> str | None:
        """The organisation of the document."""
        return self.source.organisation_id


@dataclass(frozen=True, slots=True, repr=False)
class ResultPoint(RedactedRepr):
    """A result. `quantity`: as written, or as its laboratory translated it (`is_translated`); None for words and codes.

    `results`: the same result in each document that holds it, the oldest document first. `number`: in the unit of the
    line; None where there is none. `time`: of collection where it is stated, else of the observation.
    """

    results: tuple[ReadableResult, ...]
    time: FactTime | None
    quantity: Quantity | None
    is_translated: bool = False
    number: Decimal | None = None

    @property
    def fact(self) -> ClinicalFact:
        """The result as the oldest document states it."""
        return self.results[0].fact

    @property
    def is_plotted(self) -> bool:
        """Whether it is a point of a curve: dated, done, and a number, not a bound such as `<1.0`."""
        is_bound = self.quantity is None or self.quantity.comparator is not None
        return self.number is not None and not is_bound and self.instant > BEFORE_ALL and not self.fact.negated

    @property
    def instant(self) -> datetime:
        """The first instant that the time may mean; BEFORE_ALL where it is unknown."""
        first = self.time.first if self.time is not None else None
        return (moment_of(first) if first is not None else None) or BEFORE_ALL

    @property
    def laboratory(self) -> str | None:
        """The name of the laboratory, else of whoever performed it, else of the organisation of the document."""
        for role in ("laboratory", "performer"):
            for party in self.fact.parties:
                if party.role == role and (name := party.organisation or party.name):
                    return name
        return self.results[0].source.organisation

    @property
    def order(self) -> tuple[datetime, UUID, UUID]:
        """The key by which points are sorted."""
        return (self.instant, self.results[0].source.document_id, self.fact.id)


def analysis_of(fact: ClinicalFact) -> Analysis | None:
    """Returns the analysis of a result by its first LOINC code, else by its own code; None for one in words."""
    codings: tuple[Coding, ...] = fact.code.codings if fact.code is not None else ()
    loinc = (coding for coding in codings if coding.system == LOINC)
    coding = next(loinc, next(iter(codings), None))
    if coding is None:
        return None
    return Analysis(first_oid(coding.system) if coding.system is not None else None, coding.code)


def points_of(results: Iterable[ReadableResult]) -> list[ResultPoint]:
    """Returns the results as points, newest first: one that several documents hold is a single point.

    Planned ones, and statements that nothing is known, are no results.
    """
    done = [result for result in results if result.fact.statement == "stated" and not result.fact.is_planned]
    done.sort(key=lambda result: (result.source.document_id, result.fact.id))
    points = [_point(group) for group in group_same_results(done)]
    return sorted(points, key=lambda point: point.order, reverse=True)


def number_of(quantity: Quantity) -> Decimal | None:
    """Returns the number of a quantity exactly as written; None where it is none."""
    try:
        number = Decimal(quantity.value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _point(group: Sequence[ReadableResult]) -> ResultPoint:
    fact = group[0].fact
    collected = fact.specimen.collected if fact.specimen is not None else None
    time = collected if collected is not None and not collected.is_unknown else fact.time
    return ResultPoint(tuple(group), time, fact.value if isinstance(fact.value, Quantity) else None)
