"""The models of results over time."""

from datetime import date
from decimal import Decimal
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.clinical_facts.domain.values import Concept, FactValue, Quantity, ReferenceRange
from services.records.results.domain.points import ResultPoint
from services.records.results.domain.series import AnalysisResults, Difference, Line, Trend, in_unit
from services.records.results.domain.values_in_words import words_of
from shared.terminology.analyses import analysis_name
from shared.terminology.clinical import code_systems
from shared.terminology.oids import LOINC
from shared.terminology.units import Unit


class ResultParameters(BaseModel):
    """Which results of an analysis are shown."""

    model_config = ConfigDict(frozen=True)
    system: str = Field(
        default="http://loinc.org",
        max_length=200,
        description="of the code: a FHIR system, or urn:oid:... with the OID of the system",
    )
    first: date | None = Field(default=None, alias="from", description="results of this day and later")
    last: date | None = Field(default=None, alias="to", description="results of this day and earlier")


class ResultValueView(BaseModel):
    """A value as its author wrote it."""

    text: str
    number: str | None = None
    unit: str | None = None
    comparator: str | None = None

    @classmethod
    def of(cls, value: FactValue | None) -> Self | None:
        """Returns the view of a value."""
        if value is None:
            return None
        if isinstance(value, Quantity):
            return cls(text=words_of(value), number=value.value, unit=value.unit, comparator=value.comparator)
        return cls(text=words_of(value))


class ResultTimeView(BaseModel):
    """A time as precise as its author wrote it: 2026, 2026-03, 2026-03-12 or 2026-03-12T09:30+01:00."""

    at: str | None = None
    start: str | None = None
    end: str | None = None
    words: str | None = None


class ResultRangeView(BaseModel):
    """A range of the laboratory that made the result; `low` and `high` also in the unit of the line."""

    low: ResultValueView | None = None
    high: ResultValueView | None = None
    low_in_unit: Decimal | None = None
    high_in_unit: Decimal | None = None
    text: str | None = None
    interpretation: str | None = None

    @classmethod
    def of(cls, reference: ReferenceRange, unit: Unit | None) -> Self:
        """Returns the view of a range."""
        low = reference.range.low if reference.range is not None else None
        high = reference.range.high if reference.range is not None else None
        return cls(
            low=ResultValueView.of(low),
            high=ResultValueView.of(high),
            low_in_unit=in_unit(low, unit) if low is not None else None,
            high_in_unit=in_unit(high, unit) if high is not None else None,
            text=reference.text,
            interpretation=_label(reference.interpretation),
        )


class ResultSourceView(BaseModel):
    """A document that holds the result."""

    document_id: UUID
    fact_id: UUID
    title: str | None
    organisation: str | None
    organisation_id: str | None
    care_on: date | None


class ResultPointView(BaseModel):
    """A result. `number`: in the unit of the line; `is_plotted`: whether it is a point of a curve.

    `is_translated`: the laboratory itself converted it into moles, or from them. `negated`: it was not done. `marks`:
    what to be careful about, such as `code-and-text-disagree`.
    """

    time: ResultTimeView | None
    value: ResultValueView | None
    number: Decimal | None
    is_plotted: bool
    is_translated: bool
    negated: bool
    interpretation: list[str]
    ranges: list[ResultRangeView]
    laboratory: str | None
    method: str | None
    specimen: str | None
    marks: list[str]
    sources: list[ResultSourceView]

    @classmethod
    def of(cls, point: ResultPoint, unit: Unit | None) -> Self:
        """Returns the view of a point."""
        fact, time = point.fact, point.time
        kind = fact.specimen.kind if fact.specimen is not None else None
        return cls(
            time=ResultTimeView(at=time.at, start=time.start, end=time.end, words=time.words) if time else None,
            value=ResultValueView.of(point.quantity if point.is_translated else fact.value),
            number=point.number,
            is_plotted=point.is_plotted,
            is_translated=point.is_translated,
            negated=fact.negated,
            interpretation=[label for concept in fact.interpretation if (label := _label(concept))],
            ranges=[ResultRangeView.of(reference, unit) for reference in fact.ranges],
            laboratory=point.laboratory,
            method=_label(fact.method),
            specimen=_label(kind),
            marks=list(fact.marks),
            sources=[
                ResultSourceView(
                    document_id=each.source.document_id,
                    fact_id=each.fact.id,
                    title=each.source.title,
                    organisation=each.source.organisation,
                    organisation_id=each.source.organisation_id,
                    care_on=each.source.day,
                )
                for each in point.results
            ],
        )


class ResultLineView(BaseModel):
    """Results of one dimension, newest first. `unit`: in UCUM where the table of units has it, else as written.

    `place`: sites and side of the body. `differences`: what changes along the line, so that its results may not be
    comparable.
    """

    dimension: str | None
    unit: str | None
    place: list[str]
    trend: Trend | None
    differences: list[Difference]
    points: list[ResultPointView]

    @classmethod
    def of(cls, line: Line, limit: int) -> Self:
        """Returns the view of a line with its newest points."""
        return cls(
            dimension=line.key.dimension,
            unit=line.shown_unit,
            place=list(line.key.place),
            trend=line.trend,
            differences=list(line.differences),
            points=[ResultPointView.of(point, line.unit) for point in line.points[:limit]],
        )


class AnalysisView(BaseModel):
    """An analysis: its code, its names where they are known, and the name that the newest document gives it."""

    code: str
    system: str | None
    name: str
    name_fr: str | None
    name_en: str | None

    @classmethod
    def of(cls, results: AnalysisResults, *, french: bool) -> Self:
        """Returns the view of an analysis."""
        analysis = results.analysis
        names = analysis_name(analysis.code) if analysis.system == LOINC else None
        own = results.newest.fact.code
        label = (own.label if own is not None else None) or analysis.code
        name = label if names is None else names.french if french else names.english
        return cls(
            code=analysis.code,
            system=_uri(analysis.system),
            name=name,
            name_fr=names.french if names is not None else None,
            name_en=names.english if names is not None else None,
        )


class AnalysisSummaryView(AnalysisView):
    """An analysis in the overview, with its newest result and how it differs from the one before."""

    count: int
    lines: int
    last: ResultValueView | None
    last_at: str | None
    trend: Trend | None

    @classmethod
    def of(cls, results: AnalysisResults, *, french: bool) -> Self:
        """Returns the view of an analysis."""
        base = AnalysisView.of(results, french=french)
        newest = results.newest
        return cls(
            **base.model_dump(),
            count=results.points,
            lines=len(results.lines),
            last=ResultValueView.of(newest.quantity if newest.is_translated else newest.fact.value),
            last_at=newest.time.first if newest.time is not None else None,
            trend=results.lines[0].trend,
        )


class ResultsOverviewView(BaseModel):
    """The analyses of a record, that with the newest result first."""

    analyses: list[AnalysisSummaryView]


class AnalysisResultsView(BaseModel):
    """The results of an analysis as lines; none where you may see no result of it. `status`: whether it is all."""

    analysis: AnalysisView | None
    lines: list[ResultLineView]
    status: Literal["complete", "newest-only"]


def _label(concept: Concept | None) -> str | None:
    return concept.label if concept is not None else None


def _uri(oid: str | None) -> str | None:
    if oid is None:
        return None
    system = code_systems().get(oid)
    return system.uri if system is not None else f"urn:oid:{oid}"
