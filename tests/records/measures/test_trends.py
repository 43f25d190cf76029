"""Series and trends: the last value, the change over a period, their number; and the computed body mass index."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.records.measures.domain.measures import Measure, StoredMeasure
from services.records.measures.domain.trends import series_of, source_codes, trends_of
from shared.runtime.clock import new_id

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def on(day: int, code: str, number: object = None, **parts: Any) -> StoredMeasure:
    """Returns a measure of this day, counted from the start."""
    at = START + timedelta(days=day)
    value = None if number is None else Decimal(str(number))
    return StoredMeasure(new_id(), 1, Measure(code, at, value=value, **parts), False, "patient", at)


def values(code: str, measures: Sequence[StoredMeasure], *, is_minor: bool = False) -> list[str]:
    return [str(point.value) for point in series_of(code, measures, is_minor=is_minor)]


def test_a_trend_is_the_first_and_last_value_by_time_of_measuring_and_their_difference() -> None:
    measures = [on(9, "WEIGHT", "70.5"), on(0, "WEIGHT", "73"), on(4, "WEIGHT", 80)]
    [trend] = trends_of("WEIGHT", measures, None, is_minor=False)
    assert (trend.count, trend.first.value) == (3, Decimal(73))
    assert (trend.last.value, trend.change) == (Decimal("70.5"), Decimal("-2.5"))


def test_a_trend_counts_its_period_alone() -> None:
    measures = [on(day, "WEIGHT", 70 + day) for day in range(10)]
    [trend] = trends_of("WEIGHT", measures, date(2026, 3, 8), is_minor=False)
    assert (trend.count, trend.first.value, trend.change) == (3, Decimal(77), Decimal(2))
    assert trends_of("WEIGHT", measures, date(2026, 4, 1), is_minor=False) == []


def test_a_blood_pressure_has_a_trend_for_each_pressure() -> None:
    measures = [
        on(0, "BLOOD_PRESSURE", systolic=Decimal(150), diastolic=Decimal(95)),
        on(7, "BLOOD_PRESSURE", systolic=Decimal(131), diastolic=Decimal(82)),
    ]
    trends = trends_of("BLOOD_PRESSURE", measures, None, is_minor=False)
    assert [(trend.code, trend.change) for trend in trends] == [
        ("SYSTOLIC_BLOOD_PRESSURE", Decimal(-19)),
        ("DIASTOLIC_BLOOD_PRESSURE", Decimal(-13)),
    ]
    assert values("SYSTOLIC_BLOOD_PRESSURE", measures) == ["150", "131"]


def test_without_a_code_every_measure_that_has_values_has_its_trend() -> None:
    measures = [on(0, "HEIGHT", 180), on(1, "WEIGHT", 81), on(2, "PAIN_SEVERITY", 3)]
    codes = [trend.code for trend in trends_of(None, measures, None, is_minor=False)]
    assert codes == ["WEIGHT", "HEIGHT", "BODY_MASS_INDEX", "PAIN_SEVERITY"]


def test_a_body_mass_index_takes_the_newest_height_before_the_weight() -> None:
    measures = [on(0, "HEIGHT", 180), on(1, "WEIGHT", 81), on(5, "HEIGHT", 179), on(5, "WEIGHT", 81)]
    assert values("BODY_MASS_INDEX", measures) == ["25.0", "25.3"]
    points = series_of("BODY_MASS_INDEX", measures, is_minor=False)
    assert [point.measure_id for point in points] == [measures[1].id, measures[3].id]


def test_there_is_none_without_a_height_and_for_a_child_none_from_an_old_height() -> None:
    weight_first = [on(0, "WEIGHT", 81), on(1, "HEIGHT", 180)]
    assert values("BODY_MASS_INDEX", weight_first) == []
    grown = [on(0, "HEIGHT", 120), on(90, "WEIGHT", 22), on(91, "WEIGHT", 22)]
    assert values("BODY_MASS_INDEX", grown, is_minor=True) == ["15.3"]
    assert values("BODY_MASS_INDEX", grown) == ["15.3", "15.3"]


def test_an_old_height_serves_a_period_and_is_not_counted_in_it() -> None:
    measures = [on(0, "HEIGHT", 180), on(100, "WEIGHT", 81)]
    trends = trends_of(None, measures, date(2026, 6, 1), is_minor=False)
    assert {trend.code: trend.count for trend in trends} == {"WEIGHT": 1, "BODY_MASS_INDEX": 1}


def test_what_is_taken_away_leaves_no_trace_in_any_series() -> None:
    height, weight = on(0, "HEIGHT", 180), on(1, "WEIGHT", 81)
    assert values("BODY_MASS_INDEX", [weight]) == values("BODY_MASS_INDEX", [height]) == []


def test_a_computed_code_is_read_from_its_sources() -> None:
    assert source_codes("BODY_MASS_INDEX") == ("WEIGHT", "HEIGHT")
    assert source_codes("DIASTOLIC_BLOOD_PRESSURE") == ("BLOOD_PRESSURE",)
    assert (source_codes("WEIGHT"), source_codes(None)) == (("WEIGHT",), None)


def test_measures_of_one_moment_have_a_fixed_order() -> None:
    measures = [on(0, "WEIGHT", number) for number in (71, 70, 72)]
    ids: list[UUID] = [point.measure_id for point in series_of("WEIGHT", measures, is_minor=False)]
    assert ids == sorted(stored.id for stored in measures)
