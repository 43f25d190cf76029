"""An Observation becomes the measure that it states, or is refused with the element that is wrong; and back again."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.measures.api.resources import body_mass_index, observation
from services.records.measures.domain.measures import StoredMeasure, checked
from services.records.measures.domain.observations import ObservationInvalidError, ReadObservation, read_observation
from services.records.measures.domain.trends import Point
from shared.runtime import clock
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.records.measures.test_values import a_measure

RECORD = UUID("01234567-89ab-8def-8123-456789ab0001")
ANS = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://example.org", "code": "x"}, {"system": system, "code": code}]}


def quantity(value: object, code: str) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": "http://unitsofmeasure.org", "code": code}


def weight(**changed: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": concept("http://loinc.org", "29463-7"),
        "subject": {"reference": f"Patient/{RECORD}"},
        "effectiveDateTime": "2026-11-27T07:30:00+01:00",
        "valueQuantity": quantity(71.25, "kg"),
    }
    return {name: value for name, value in {**resource, **changed}.items() if value is not None}


def pressure(*parts: tuple[str, object], unit: str = "mm[Hg]") -> dict[str, Any]:
    components = [
        {"code": concept("http://loinc.org", code), "valueQuantity": quantity(value, unit)} for code, value in parts
    ]
    return weight(code=concept("http://loinc.org", "85354-9"), valueQuantity=None, component=components)


def read(resource: dict[str, Any]) -> ReadObservation:
    return read_observation(orjson.dumps(resource))


def test_a_weight_is_read_with_its_time_its_decimals_and_its_reason() -> None:
    stated = read(
        weight(
            extension=[{"url": f"{ANS}/mesures-reason-for-measurement", "valueString": "suivi"}],
            device={"display": "Balance"},
        )
    )
    measure = stated.measure
    assert (measure.code, measure.value, stated.unit) == ("WEIGHT", Decimal("71.25"), "kg")
    assert (measure.comment, measure.device) == ("suivi", "Balance")
    assert (measure.measured_at.isoformat(), stated.subject) == ("2026-11-27T06:30:00+00:00", f"Patient/{RECORD}")


def test_a_blood_pressure_is_read_from_its_components() -> None:
    measure = read(pressure(("8480-6", 120), ("8462-4", 60))).measure
    assert (measure.code, measure.systolic, measure.diastolic) == ("BLOOD_PRESSURE", Decimal(120), Decimal(60))


def test_a_glucose_is_read_with_its_moment_and_a_mean_with_its_days() -> None:
    fasting = {
        "url": f"{ANS}/mesures-moment-of-measurement",
        "valueCodeableConcept": concept("http://loinc.org", "53049-3"),
    }
    days = {
        "url": f"{ANS}/mesures-number-of-days",
        "valueCodeableConcept": concept("urn:oid:1.2.250.1.213.1.1.4.322", "GEN-276"),
    }
    glucose = weight(
        code=concept("http://loinc.org", "2345-7"), valueQuantity=quantity(95, "mg/dL"), extension=[fasting]
    )
    mean = weight(
        code=concept("urn:oid:1.2.250.1.213.1.1.4.322", "MED-969"),
        valueQuantity=quantity(140, "mg/dL"),
        extension=[days],
    )
    assert read(glucose).measure.moment == "fasting"
    assert read(mean).measure.number_of_days == "14"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"resourceType": "Patient"}, "resourceType"),
    (weight(status="preliminary"), "status"),
    (weight(status="entered-in-error"), "status"),
    (weight(code=concept("http://loinc.org", "11488-4")), "code"),
    (weight(code=None), "code"),
    (weight(code={"coding": "29463-7"}), "code"),
    (weight(subject={"display": "moi"}), "subject"),
    (weight(subject=None), "subject"),
    (weight(effectiveDateTime="2026-11-27"), "effectiveDateTime"),
    (weight(effectiveDateTime="2026-11-27T07:30:00"), "effectiveDateTime"),
    (weight(effectiveDateTime=None), "effectiveDateTime"),
    (weight(valueQuantity=None), "valueQuantity"),
    (weight(valueQuantity=quantity("71", "kg")), "valueQuantity"),
    (weight(valueQuantity=quantity(True, "kg")), "valueQuantity"),
    (weight(valueQuantity={"value": 71, "unit": "kg"}), "valueQuantity"),
    (weight(valueQuantity={**quantity(71, "kg"), "comparator": "<"}), "valueQuantity"),
    (weight(dataAbsentReason=concept("x", "unknown")), "dataAbsentReason"),
    (weight(modifierExtension=[{"url": "x"}]), "modifierExtension"),
    (weight(effectivePeriod={}), "effectivePeriod"),
    (weight(component=[]), "component"),
    (weight(note=[{"text": "a" * 501}]), "note"),
    (weight(device={"display": 5}), "device"),
    (weight(extension=[{"url": f"{ANS}/mesures-moment-of-measurement", "valueString": "fasting"}]), "extension"),
    (pressure(("8480-6", 120)), "component"),
    (pressure(("8480-6", 120), ("8480-6", 60)), "component"),
    (pressure(("8480-6", 120), ("29463-7", 60)), "component"),
    (pressure(), "component"),
    ({**pressure(("8480-6", 120), ("8462-4", 60)), "valueQuantity": quantity(1, "kg")}, "component"),
]


@pytest.mark.parametrize(("resource", "element"), WRONG)
def test_an_observation_that_is_no_measure_is_refused_with_the_element(resource: dict[str, Any], element: str) -> None:
    with pytest.raises(ObservationInvalidError, match=f"Observation.{element} ") as raised:
        read(resource)
    assert f"Observation.{element} manque" in str(raised.value.in_french())


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"Observation"', b"\xff\xfe", b"7"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ObservationInvalidError):
        read_observation(body)


def test_a_pressure_in_another_unit_is_no_error_of_form_but_of_the_unit() -> None:
    assert read(pressure(("8480-6", 16), ("8462-4", 10), unit="kPa")).unit == "kPa"


@pytest.mark.parametrize("code", ["WEIGHT", "BLOOD_PRESSURE", "GLUCOSE", "INTERSTITIAL_GLUCOSE", "STEPS_BY_DAY"])
def test_what_is_written_is_valid_fhir_and_reads_as_the_same_measure(code: str) -> None:
    measure = checked(a_measure(code, 100, comment="assise", device="Balance"), clock.now())
    written = observation(StoredMeasure(clock.new_id(), 1, measure, True, "carer", clock.now()), RECORD)
    assert_fhir_resource(orjson.loads(written))
    assert read_observation(written).measure == measure
    resource = orjson.loads(written)
    assert resource["performer"] == [{"type": "RelatedPerson", "display": "Aidant"}]
    assert resource["meta"]["tag"][0]["code"] == "EXP_PATIENT"
    assert resource["meta"]["security"][0]["code"] == "MASQUE_PS"


def test_a_later_version_is_marked_as_corrected_and_decimals_stay() -> None:
    measure = a_measure(number="72.40")
    written = observation(StoredMeasure(clock.new_id(), 2, measure, False, "patient", clock.now()), RECORD)
    assert b'"value":72.40' in written
    assert orjson.loads(written)["status"] == "corrected"


def test_a_body_mass_index_names_the_weight_that_it_was_computed_from() -> None:
    point = Point(clock.now(), Decimal("24.9"), clock.new_id())
    id, written = body_mass_index(point, RECORD)
    assert_fhir_resource(orjson.loads(written))
    assert orjson.loads(written)["derivedFrom"] == [{"reference": f"Observation/{point.measure_id}"}]
    assert id == body_mass_index(point, RECORD)[0] != str(point.measure_id)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None, database=None, derandomize=True)
@given(st.sampled_from([weight, lambda **changed: {**pressure(("8480-6", 1), ("8462-4", 2)), **changed}]), st.data())
def test_any_element_in_any_shape_is_read_or_refused(make: Callable[..., dict[str, Any]], data: st.DataObject) -> None:
    names = st.sampled_from([*weight(), "component", "extension", "note", "device"])
    resource = make(**data.draw(st.dictionaries(names, JSON, min_size=1, max_size=2)))
    try:
        is_read = bool(read(resource).measure.code)
    except ObservationInvalidError:
        is_read = False
    assert is_read in (True, False), "nothing else is raised"
