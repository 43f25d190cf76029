"""Units: what laboratories write is read as UCUM, and converted within a dimension by exact factors."""

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ucumvert import PintUcumRegistry

from shared.terminology.units import Unit, convert, unit_of, units

BY_UCUM = {unit.ucum: unit for unit in units()}
NOT_IN_THE_ORACLE = {"[pH]", "Cel"}
"""Units without a ratio: a logarithm, and a temperature that does not begin at zero."""


@pytest.mark.parametrize(
    ("written", "ucum"),
    [
        ("G/L", "10*9/L"),
        ("T/l", "10*12/L"),
        ("10^3/mm³", "10*3/mm3"),
        ("10⁹/L", "10*9/L"),
        ("/mm3", "/mm3"),
        ("\u00b5mol/L", "umol/L"),
        ("\u03bcmol/l", "umol/L"),
        ("UI/L", "[IU]/L"),
        ("[iU]/L", "[IU]/L"),
        ("mUI/mL", "m[IU]/mL"),
        ("U/l", "U/L"),
        ("g / dl", "g/dL"),
        ("g/l", "g/L"),
        ("mm Hg", "mm[Hg]"),
        ("mL/min/1,73 m²", "mL/min/{1.73_m2}"),
        ("mmol/24 h", "mmol/(24.h)"),
    ],
)
def test_a_french_spelling_is_its_ucum_unit(written: str, ucum: str) -> None:
    unit = unit_of(written)
    assert unit is not None
    assert unit.ucum == ucum


@pytest.mark.parametrize("written", ["", None, "g", "unités", "{tbl}", "M/L", "10 9/L", "MG/L", "mg/L " * 50, "1"])
def test_what_the_table_does_not_have_is_no_unit_of_a_concentration(written: str | None) -> None:
    unit = unit_of(written)
    assert unit is None or not unit.dimension.endswith("concentration")


def test_units_of_one_dimension_have_the_ratio_that_ucum_gives_them() -> None:
    registry = PintUcumRegistry()
    quantities = {ucum: registry.from_ucum(ucum) for ucum in BY_UCUM.keys() - NOT_IN_THE_ORACLE}
    compared = 0
    for first, second in combinations(sorted(quantities), 2):
        unit, other = BY_UCUM[first], BY_UCUM[second]
        if unit.dimension == other.dimension:
            ratio = (quantities[first] / quantities[second]).to_base_units()
            assert ratio.dimensionless, (first, second)
            assert ratio.magnitude == pytest.approx(float(unit.factor / other.factor), rel=1e-9), (first, second)
            compared += 1
    assert compared > 200


def test_the_oracle_alone_would_read_giga_and_tera_as_gauss_and_tesla() -> None:
    registry = PintUcumRegistry()
    for written in ("G/L", "T/L"):
        unit = unit_of(written)
        assert unit is not None
        assert registry.from_ucum(written).dimensionality != registry.from_ucum(unit.ucum).dimensionality


def test_every_spelling_means_a_single_unit() -> None:
    for unit in units():
        assert unit_of(unit.ucum) == unit


def test_enzyme_units_international_units_masses_and_moles_are_no_conversions_of_one_another() -> None:
    kept_apart = ["U/L", "UI/L", "g/L", "mol/L", "UA/L", "mEq/L", "mmol/mol", "%", "G/L", "UFC/L", "copies/L"]
    dimensions = [unit.dimension for written in kept_apart if (unit := unit_of(written)) is not None]
    assert len(set(dimensions)) == len(kept_apart)
    assert convert(Decimal(1), BY_UCUM["U/L"], BY_UCUM["[IU]/L"]) is None


@pytest.mark.parametrize(
    ("value", "written", "target", "converted"),
    [
        ("12.5", "g/dL", "g/L", "125"),
        ("4500", "/mm3", "G/L", "4.5"),
        ("0.10", "g/L", "mg/L", "100"),
        ("5", "ukat/L", "U/L", "300"),
        ("120", "mmHg", "kPa", "15.9986864898"),
        ("1", "kPa", "mmHg", "7.50061575846"),
        ("12.50", "g/L", "g/l", "12.50"),
    ],
)
def test_a_value_is_converted_exactly_or_to_twelve_digits(
    value: str, written: str, target: str, converted: str
) -> None:
    unit, other = unit_of(written), unit_of(target)
    assert unit is not None
    assert other is not None
    assert str(convert(Decimal(value), unit, other)) == converted


@given(
    st.decimals(min_value="0.001", max_value="100000", places=3),
    st.sampled_from(units()),
    st.sampled_from(units()),
)
def test_a_conversion_there_and_back_changes_nothing(value: Decimal, unit: Unit, other: Unit) -> None:
    there = convert(value, unit, other)
    back = convert(there, other, unit) if there is not None else None
    if unit.dimension != other.dimension:
        assert there is None
    else:
        assert back is not None
        assert abs(back - value) <= abs(value) * Decimal("1e-9")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "1e-400"])
def test_a_value_of_impossible_size_is_not_converted(value: str) -> None:
    assert convert(Decimal(value), BY_UCUM["g/L"], BY_UCUM["mg/L"]) is None
