"""Units of measurement: what documents write, the UCUM unit that it means, and conversion within a dimension.

A unit is converted only if the table has it; all else stays as its author wrote it. Enzyme units (U), international
units (UI) and arbitrary units are different dimensions. So are masses and amounts of substance: what a mass is in moles
depends on the substance. Source: UCUM 2.2; the spellings of French laboratories are this project's (data/README.md).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Final

from shared.terminology.tables import rows

DIGITS: Final = 12
"""The significant digits of a converted value that has more of them, as one third of a unit has."""
_BLANKS: Final = re.compile(r"\s+")
_MICRO: Final = str.maketrans({"µ": "u", "μ": "u"})
"""MICRO SIGN and GREEK SMALL LETTER MU."""
_LITRE: Final = re.compile(r"(?<=[/{])([dcmunpf]?)l(?![A-Za-z])|^([dcmunpf]?)l(?![A-Za-z])")
_LARGEST_EXPONENT: Final = 40


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM unit. `factor`: how many base units of its dimension it is, exactly."""

    ucum: str
    dimension: str
    factor: Decimal


def unit_of(written: str | None) -> Unit | None:
    """Returns the unit that a document writes, in UCUM or as French laboratories do; None for any other."""
    return _by_spelling().get(_simplified(written)) if written else None


def convert(value: Decimal, unit: Unit, target: Unit) -> Decimal | None:
    """Returns the value in another unit of its dimension, exactly or with DIGITS significant digits.

    None for another dimension, and for values whose size no measurement has.
    """
    if unit.dimension != target.dimension or not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
        return None
    if unit == target:
        return value
    converted = Fraction(value) * Fraction(unit.factor) / Fraction(target.factor)
    return _as_decimal(converted)


def units() -> tuple[Unit, ...]:
    """Returns all units of the table."""
    return tuple(unit for unit, _ in _table())


def _simplified(written: str) -> str:
    """Returns a spelling without blanks, with `u` for micro and a large L for the litre."""
    text = _BLANKS.sub("", written[:100]).translate(_MICRO)
    return _LITRE.sub(lambda match: f"{match[1] or match[2] or ''}L", text)


def _as_decimal(fraction: Fraction) -> Decimal:
    """Returns the number without an exponent, and without zeros at its end."""
    places = _decimal_places(fraction.denominator)
    if places is None:
        text = f"{Decimal(f'{Decimal(fraction.numerator) / Decimal(fraction.denominator):.{DIGITS}g}'):f}"
    else:
        digits = fraction.numerator * 10**places // fraction.denominator
        text = f"{Decimal(f'{digits}e-{places}'):f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _decimal_places(denominator: int) -> int | None:
    """Returns how many decimal places a reduced fraction with this denominator has; None where it does not end."""
    places = {2: 0, 5: 0}
    for prime in places:
        while denominator % prime == 0:
            denominator //= prime
            places[prime] += 1
    return max(places.values()) if denominator == 1 else None


@cache
def _table() -> tuple[tuple[Unit, str], ...]:
    return tuple(
        (Unit(row["ucum"], row["dimension"], Decimal(row["factor"])), row["spellings"]) for row in rows("units")
    )


@cache
def _by_spelling() -> dict[str, Unit]:
    spellings: dict[str, Unit] = {}
    for unit, others in _table():
        for written in (unit.ucum, *others.split()):
            spellings[_simplified(written)] = unit
    return spellings
