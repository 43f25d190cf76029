"""The bodies of requests and answers about measures."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from services.records.measures.domain.measures import Measure, StoredMeasure
from services.records.measures.domain.trends import Point, Trend
from services.records.measures.usecases.list_measures import MeasureList
from shared.moments import Moment
from shared.terminology.measures import entered_codes, measure_contexts, measure_types

_NUMBER = WithJsonSchema({"type": "number"})
EnteredNumber = Annotated[Decimal, Field(max_digits=12, allow_inf_nan=False), _NUMBER]
ShownNumber = Annotated[Decimal, PlainSerializer(float, return_type=float), _NUMBER]


def one_of(values: Sequence[str]) -> dict[str, Any]:
    """Returns the part of a schema that lists values; others are refused in words by the domain."""
    return {"enum": list(values)}


class MeasureBody(BaseModel):
    """A measure that the patient side enters, or as it should have been entered."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"code": "WEIGHT", "value": 72.4, "measured_at": "2026-11-27T07:30:00+01:00"}]},
    )
    code: str = Field(max_length=64, json_schema_extra=one_of(entered_codes()))
    measured_at: Moment
    value: EnteredNumber | None = Field(default=None, repr=False)
    systolic: EnteredNumber | None = Field(default=None, repr=False)
    diastolic: EnteredNumber | None = Field(default=None, repr=False)
    unit: str | None = Field(default=None, max_length=20, examples=["kg"])
    moment: str | None = Field(default=None, max_length=20, json_schema_extra=one_of([*measure_contexts("moment")]))
    number_of_days: str | None = Field(
        default=None, max_length=8, json_schema_extra=one_of([*measure_contexts("days")])
    )
    comment: str | None = Field(default=None, max_length=500, repr=False)
    device: str | None = Field(default=None, max_length=100, repr=False, examples=["Tensiomètre de bras"])
    masked: bool | None = None

    def measure(self) -> Measure:
        """Returns the measure, which is not checked yet."""
        members = self.model_dump(exclude={"unit", "masked"})
        return Measure(**members)


class AddedMeasureView(BaseModel):
    """A measure that was entered, now or before."""

    measure_id: UUID
    is_new: bool


class MeasureVersionView(BaseModel):
    """A version of a measure."""

    measure_id: UUID
    version: int
    code: str
    measured_at: datetime
    unit: str
    value: ShownNumber | None = None
    systolic: ShownNumber | None = None
    diastolic: ShownNumber | None = None
    moment: str | None = None
    number_of_days: str | None = None
    comment: str | None = None
    device: str | None = None
    masked: bool
    entered_by: str
    entered_at: datetime

    @classmethod
    def of(cls, stored: StoredMeasure) -> "MeasureVersionView":
        """Returns the view of a version."""
        measure = stored.measure
        return cls(
            measure_id=stored.id,
            version=stored.version,
            code=measure.code,
            measured_at=measure.measured_at,
            unit=measure.kind.unit,
            value=measure.value,
            systolic=measure.systolic,
            diastolic=measure.diastolic,
            moment=measure.moment,
            number_of_days=measure.number_of_days,
            comment=measure.comment,
            device=measure.device,
            masked=stored.masked,
            entered_by=stored.deposited_by,
            entered_at=stored.recorded_at,
        )


class MeasureVersions(BaseModel):
    """The versions of a measure, newest first."""

    versions: list[MeasureVersionView]


class PointView(BaseModel):
    """A value that is computed, or a part of a measure."""

    at: datetime
    value: ShownNumber
    measure_id: UUID

    @classmethod
    def of(cls, point: Point) -> "PointView":
        """Returns the view of a point."""
        return cls(at=point.at, value=point.value, measure_id=point.measure_id)


class TrendView(BaseModel):
    """How a measure changed over the period."""

    code: str
    label: str
    label_fr: str
    unit: str
    count: int
    first: PointView
    last: PointView
    change: ShownNumber

    @classmethod
    def of(cls, trend: Trend) -> "TrendView":
        """Returns the view of a trend."""
        kind = measure_types()[trend.code]
        return cls(
            code=trend.code,
            label=kind.label_en,
            label_fr=kind.label_fr,
            unit=kind.unit,
            count=trend.count,
            first=PointView.of(trend.first),
            last=PointView.of(trend.last),
            change=trend.change,
        )


class MeasureListView(BaseModel):
    """The measures of a period that you may see, and their trends."""

    measures: list[MeasureVersionView]
    points: list[PointView]
    trends: list[TrendView]
    total: int
    is_complete: bool


def list_view(listed: MeasureList, limit: int) -> MeasureListView:
    """Returns the list in the form of the API, with at most `limit` measures or points."""
    return MeasureListView(
        measures=[MeasureVersionView.of(stored) for stored in listed.measures[:limit]],
        points=[PointView.of(point) for point in listed.points[:limit]],
        trends=[TrendView.of(trend) for trend in listed.trends],
        total=len(listed.measures) or len(listed.points),
        is_complete=listed.is_complete,
    )
