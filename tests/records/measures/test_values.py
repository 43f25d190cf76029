"""What a measure may be: its parts, units and limits, and that every refusal says what to correct in both languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.measures.domain.errors import MeasureOutOfRangeError
from services.records.measures.domain.measures import Measure, checked
from services.records.measures.domain.sealed_measures import measure_digest, open_measure, seal_measure
from shared.crypto.keyring import SealBrokenError
from shared.errors import InvalidError
from shared.runtime.clock import new_id
from shared.terminology.measures import (
    BLOOD_PRESSURE,
    WITH_DAYS,
    WITH_MOMENT,
    entered_codes,
    measure_contexts,
    measure_types,
    observation_context,
    observation_type,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = bytes(32)


def a_measure(code: str = "WEIGHT", number: object = "72.4", **parts: Any) -> Measure:
    """Returns a measure of this kind with all that it needs."""
    needed: dict[str, Any] = {"value": Decimal(str(number))}
    if code == BLOOD_PRESSURE:
        needed = {"systolic": Decimal(120), "diastolic": Decimal(80)}
    if code in WITH_MOMENT:
        needed["moment"] = "fasting"
    if code in WITH_DAYS:
        needed["number_of_days"] = "14"
    return Measure(**{"code": code, "measured_at": NOW, **needed, **parts})


def refusal(measure: Measure, unit: str | None = None) -> str:
    with pytest.raises(InvalidError) as raised:
        checked(measure, NOW, unit)
    assert raised.value.in_french(), "it is said in French too"
    return raised.value.code


def test_there_are_sixteen_measures_of_which_three_are_never_entered() -> None:
    assert len(measure_types()) == 16
    derived = set(measure_types()) - set(entered_codes())
    assert derived == {"BODY_MASS_INDEX", "SYSTOLIC_BLOOD_PRESSURE", "DIASTOLIC_BLOOD_PRESSURE"}
    for code in derived:
        assert refusal(a_measure(code, 25)) == "measure-derived"
    assert refusal(a_measure("SHOE_SIZE", 42)) == "measure-code-unknown"


@pytest.mark.parametrize("code", [code for code in entered_codes() if code != BLOOD_PRESSURE])
def test_a_value_at_the_limits_is_taken_and_one_beyond_them_is_not(code: str) -> None:
    kind = measure_types()[code]
    assert kind.minimum is not None
    assert kind.maximum is not None
    step = Decimal(1).scaleb(-kind.decimals)
    for number in (kind.minimum, kind.maximum):
        assert checked(a_measure(code, number), NOW, kind.unit).value == number
    for number in (kind.minimum - step, kind.maximum + step, Decimal(-1), Decimal("1e9")):
        assert refusal(a_measure(code, number)) == "measure-out-of-range"
    middle = (kind.minimum + kind.maximum) // 2 + step / 10
    assert refusal(a_measure(code, middle)) == "measure-decimals"


def test_a_refusal_names_the_measure_and_its_limits() -> None:
    error = MeasureOutOfRangeError.of(measure_types()["WEIGHT"])
    assert str(error) == "Body weight: from 0.2 to 650 kg. Check the value and its unit."
    assert error.in_french() == "Poids : de 0,2 à 650 kg. Vérifiez la valeur et son unité."


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"systolic": Decimal(80), "diastolic": Decimal(80)}, "pressures-reversed"),
        ({"systolic": Decimal(80), "diastolic": Decimal(120)}, "pressures-reversed"),
        ({"systolic": Decimal(401)}, "measure-out-of-range"),
        ({"diastolic": Decimal(9)}, "measure-out-of-range"),
        ({"systolic": None}, "measure-parts-invalid"),
        ({"diastolic": None}, "measure-parts-invalid"),
        ({"value": Decimal(120)}, "measure-parts-invalid"),
        ({"moment": "fasting"}, "measure-parts-invalid"),
    ],
)
def test_a_blood_pressure_has_two_possible_pressures(parts: dict[str, Any], code: str) -> None:
    assert refusal(a_measure(BLOOD_PRESSURE, **parts)) == code


@pytest.mark.parametrize(
    ("measure", "code"),
    [
        (a_measure("GLUCOSE", 90, moment=None), "measure-parts-invalid"),
        (a_measure("GLUCOSE", 90, moment="at-noon"), "measure-parts-invalid"),
        (a_measure("GLUCOSE", 90, number_of_days="14"), "measure-parts-invalid"),
        (a_measure("INTERSTITIAL_GLUCOSE", 90, number_of_days=None), "measure-parts-invalid"),
        (a_measure("HEMOGLOBIN_GLYCATION_INDEX", 7, number_of_days="15"), "measure-parts-invalid"),
        (a_measure(value=None), "measure-parts-invalid"),
        (a_measure(systolic=Decimal(120)), "measure-parts-invalid"),
        (a_measure(measured_at=NOW + timedelta(minutes=11)), "measured-in-future"),
        (a_measure(comment="\u200b"), "measure-text-invalid"),
        (a_measure(comment="a\x00b"), "measure-text-invalid"),
        (a_measure(device="\x1b[31m"), "measure-text-invalid"),
        (a_measure(value=Decimal("NaN")), "measure-out-of-range"),
        (a_measure(value=Decimal("Infinity")), "measure-out-of-range"),
    ],
)
def test_what_is_missing_wrong_or_too_much_is_refused(measure: Measure, code: str) -> None:
    assert refusal(measure) == code


def test_another_unit_is_refused_and_nothing_is_converted() -> None:
    assert refusal(a_measure("GLUCOSE", 90), "mmol/L") == "measure-unit-differs"
    assert checked(a_measure("GLUCOSE", 90), NOW, "mg/dL").value == 90


def test_texts_are_cleaned_and_a_clock_may_be_a_little_ahead() -> None:
    measure = checked(a_measure(comment=" après \u200b la\tmarche ", measured_at=NOW + timedelta(minutes=9)), NOW)
    assert measure.comment == "après la marche"


def test_a_measure_comes_back_as_it_was_sealed_and_opens_in_its_place_alone() -> None:
    measure, record, id = a_measure(comment="assise"), new_id(), new_id()
    sealed = seal_measure(KEY, record, id, 1, measure)
    assert open_measure(KEY, record, id, 1, sealed) == measure
    assert str(open_measure(KEY, record, id, 1, sealed).value) == "72.4"
    for place in ((record, id, 2), (record, new_id(), 1), (new_id(), id, 1)):
        with pytest.raises(SealBrokenError):
            open_measure(KEY, *place, sealed)


def test_equal_measures_have_one_digest_in_a_record_and_another_one_elsewhere() -> None:
    measure = a_measure()
    assert measure_digest(KEY, measure) == measure_digest(KEY, a_measure())
    assert measure_digest(KEY, measure) != measure_digest(bytes(31) + b"1", measure)
    assert measure_digest(KEY, measure) != measure_digest(KEY, replace(measure, value=Decimal("72.5")))


def test_nothing_of_a_measure_is_printed() -> None:
    assert repr(a_measure(comment="secret")) == "Measure(...)"


def test_codes_are_those_of_loinc_and_of_the_ans_in_each_spelling_of_the_systems() -> None:
    for system in ("http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"):
        weight = observation_type(system, "29463-7")
        assert weight is not None
        assert weight.code == "WEIGHT"
    assert observation_type("http://loinc.org", "MED-969") is None
    assert observation_type("urn:oid:1.2.250.1.213.1.1.4.322", "MED-969") is not None
    assert observation_type(None, "29463-7") is None
    moments = {context.code for context in measure_contexts("moment").values()}
    assert moments == {"fasting", "before-meal", "after-meal", "after-exercise", "malaise", "other"}
    malaise = observation_context("moment", "urn:oid:2.16.840.1.113883.6.139", "A05")
    assert malaise is not None
    assert malaise.code == "malaise"
    assert observation_context("days", "http://loinc.org", "53049-3") is None


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(
    st.sampled_from([*measure_types(), "NO_SUCH"]),
    st.decimals() | st.none(),
    st.decimals(allow_nan=False) | st.none(),
    st.text(max_size=20) | st.none(),
)
def test_any_measure_is_taken_within_its_limits_or_refused(
    code: str, value: Decimal | None, systolic: Decimal | None, text: str | None
) -> None:
    measure = Measure(code, NOW, value=value, systolic=systolic, diastolic=value, comment=text, moment=text)
    try:
        taken = checked(measure, NOW)
    except InvalidError:
        return
    assert Measure.from_json(taken.as_json()) == taken
    for kind, number in taken.parts():
        assert kind.minimum is not None
        assert kind.maximum is not None
        assert kind.minimum <= number <= kind.maximum
