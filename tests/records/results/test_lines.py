"""Results over time: lines of one analysis and dimension, that never make two things one."""

from decimal import Decimal

import pytest
from msgspec import structs

from services.records.clinical_facts.domain.model import SpecimenDetail
from services.records.clinical_facts.domain.values import CodedValue, Coding, Concept, FactTime, Quantity, TextValue
from services.records.results.domain.points import ReadableResult
from services.records.results.domain.series import Line, lines_of, results_by_analysis
from shared.terminology.oids import LOINC
from tests.infra.records.results import GLUCOSE, HAEMOGLOBIN, a_document, a_result, document_ids


def numbers(line: Line) -> list[str]:
    return [str(point.number) for point in line.points]


def only_line(*results: ReadableResult) -> Line:
    lines = lines_of(results)
    assert len(lines) == 1
    return lines[0]


def test_results_of_three_units_of_one_dimension_are_a_line_in_the_unit_of_the_newest() -> None:
    line = only_line(
        a_result("12.5", "g/dL", "2026-01-05", a_document(1)),
        a_result("118", "g/l", "2026-03-05", a_document(3)),
        a_result("121000", "mg/L", "2026-02-05", a_document(2)),
    )
    assert line.shown_unit == "g/L"
    assert numbers(line) == ["118", "121", "125"]
    assert [point.quantity.value for point in line.points if point.quantity] == ["118", "121000", "12.5"]
    assert line.trend == "falling"


@pytest.mark.parametrize(
    ("newest", "former", "trend"), [("6", "5", "rising"), ("5", "6", "falling"), ("5", "5.0", "equal")]
)
def test_the_trend_compares_the_two_newest_points(newest: str, former: str, trend: str) -> None:
    line = only_line(a_result(former, at="2026-01-01"), a_result(newest, at="2026-01-02"))
    assert line.trend == trend
    assert only_line(a_result(newest)).trend is None


def test_a_bound_keeps_its_comparator_is_no_point_and_no_part_of_a_trend() -> None:
    bound = a_result(Quantity("1.0", "mg/L", "<"), at="2026-03-01", source=a_document(2))
    line = only_line(a_result("4", "mg/L", "2026-01-01"), bound, a_result("3", "mg/L", "2026-02-01"))
    newest = line.points[0]
    assert not newest.is_plotted
    assert newest.quantity == Quantity("1.0", "mg/L", "<")
    assert line.trend == "falling"
    assert [point.is_plotted for point in line.points] == [False, True, True]


def test_masses_and_moles_are_two_lines() -> None:
    lines = lines_of([a_result("0.95", "g/L", "2026-01-01"), a_result("5.1", "mmol/L", "2026-02-01")])
    assert [line.shown_unit for line in lines] == ["mmol/L", "g/L"]


def test_a_mass_is_in_moles_only_as_its_laboratory_translated_it() -> None:
    translated = Quantity("0.95", "g/L", translations=(Quantity("5.27", "mmol/L"),))
    newest = a_result("5.1", "mmol/L", "2026-02-01", a_document(2), GLUCOSE)
    line = only_line(newest, a_result(translated, at="2026-01-01", code=GLUCOSE))
    assert numbers(line) == ["5.1", "5.27"]
    assert [point.is_translated for point in line.points] == [False, True]
    other = a_result("0.90", "g/L", "2026-01-15", a_document(3), GLUCOSE)
    lines = lines_of([newest, a_result(translated, at="2026-01-01", code=GLUCOSE), other])
    assert [numbers(line) for line in lines] == [["5.1", "5.27"], ["0.90"]]


def test_a_translation_is_no_second_result() -> None:
    translated = Quantity("0.95", "g/L", translations=(Quantity("5.27", "mmol/L"),))
    line = only_line(a_result(translated, at="2026-01-01"), a_result("0.90", "g/L", "2026-02-01"))
    assert numbers(line) == ["0.90", "0.95"]


def test_what_the_table_does_not_have_is_a_line_as_written() -> None:
    lines = lines_of(
        [
            a_result("3", "unités X", "2026-01-01"),
            a_result("4", "unités X", "2026-01-02"),
            a_result("5", "Unités X", "2026-01-03"),
            a_result("6", None, "2026-01-04"),
            a_result(TextValue("traces"), at="2026-01-05"),
        ]
    )
    assert [(line.shown_unit, line.key.is_words, numbers(line)) for line in lines] == [
        (None, True, ["None"]),
        (None, False, ["6"]),
        ("Unités X", False, ["5"]),
        ("unités X", False, ["4", "3"]),
    ]


def test_enzyme_units_and_international_units_are_two_lines() -> None:
    assert len(lines_of([a_result("30", "U/L", "2026-01-01"), a_result("31", "UI/L", "2026-01-02")])) == 2


def test_the_right_and_the_left_are_two_lines() -> None:
    left, right = (Concept(Coding(side, "1.2.250.1.213.2.12", side)) for side in ("gauche", "droite"))
    lines = lines_of([a_result("15", "mm[Hg]", "2026-01-01", side=side) for side in (left, right)])
    assert {line.key.place for line in lines} == {("gauche",), ("droite",)}


def test_the_same_result_twice_is_a_point_with_both_sources() -> None:
    report, copy = a_document(1), a_document(2)
    line = only_line(a_result("12.5", source=copy), a_result("12.5", source=report))
    assert len(line.points) == 1
    assert document_ids(line.points[0].results) == [report.document_id, copy.document_id]
    other = a_document(3, "1990000009")
    assert len(only_line(a_result("12.5", source=report), a_result("12.5", source=other)).points) == 2


def test_what_a_reader_does_not_see_changes_nothing_but_its_own_point() -> None:
    report, copy = a_document(1), a_document(2)
    visible = [a_result("12.5", source=report), a_result("12.9", "g/dL", "2026-04-01", a_document(3))]
    before = lines_of(visible)
    assert lines_of([*visible, a_result("12.5", source=copy)])[0].points[0] == before[0].points[0]
    assert lines_of(reversed(visible)) == before


def test_a_result_that_was_not_done_a_plan_and_an_unknown_one_are_no_points_of_a_curve() -> None:
    line = only_line(a_result("5", at="2026-01-01"), a_result("6", at="2026-01-02", negated=True))
    assert [point.is_plotted for point in line.points] == [False, True]
    assert lines_of([a_result("5", status="planned"), a_result("5", statement="unknown")]) == ()


def test_times_keep_their_precision_and_unknown_ones_come_last_unplotted() -> None:
    line = only_line(
        a_result("1", at=None),
        a_result("2", at="2026"),
        a_result("3", at="2026-03"),
        a_result("4", at="2026-03-12T00:30+01:00"),
        a_result("5", at="2026-03-11T23:45+00:00"),
    )
    assert numbers(line) == ["5", "4", "3", "2", "1"]
    assert [point.time.at if point.time else None for point in line.points][2:] == ["2026-03", "2026", None]
    assert [point.is_plotted for point in line.points] == [True, True, True, True, False]


def test_the_moment_of_collection_counts_before_the_time_of_the_result() -> None:
    specimen = SpecimenDetail("1.2.3^9", collected=FactTime("2026-01-01T08:00+01:00"))
    line = only_line(a_result("5", at="2026-02-01", specimen=specimen), a_result("6", at="2026-01-15"))
    assert numbers(line) == ["6", "5"]


def test_another_laboratory_method_or_specimen_is_said_of_the_line() -> None:
    methods = [Concept(text=name) for name in ("Immunonéphélémétrie", "Turbidimétrie")]
    line = only_line(*[a_result("5", at=f"2026-01-0{day + 1}", method=method) for day, method in enumerate(methods)])
    assert line.differences == ("method",)
    other = a_result("6", at="2026-02-01", source=a_document(2, "1990000009"))
    assert only_line(a_result("5"), other).differences == ("laboratory",)


def test_analyses_are_distinguished_by_loinc_and_the_newest_comes_first() -> None:
    local = Concept(Coding("X1", "1.2.250.1.213.2.7"), (Coding(GLUCOSE, LOINC),))
    by_translation = a_result("0.9", "g/L", "2026-05-01", a_document(5))
    relabelled = ReadableResult(structs.replace(by_translation.fact, code=local), by_translation.source)
    analyses = results_by_analysis(
        [
            a_result("12", at="2026-01-01"),
            a_result("1", "g/L", "2026-02-01", code=GLUCOSE),
            relabelled,
            a_result(CodedValue((Concept(text="A"),)), code="1"),
        ]
    )
    assert [(each.analysis.code, each.points) for each in analyses] == [(GLUCOSE, 2), ("1", 1), (HAEMOGLOBIN, 1)]


@pytest.mark.parametrize("value", ["1e999999", "--", ""])
def test_a_number_that_is_none_is_no_point(value: str) -> None:
    line = only_line(a_result(value, "g/dL", "2026-01-01"), a_result("12", "g/L", "2026-01-02"))
    assert [point.number for point in line.points] == [Decimal(12), None]
