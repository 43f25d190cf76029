"""A measure as the patient side enters it, and whether its values are possible.

The repr() of a measure shows only its type, so that no log line can print it.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import orjson

from services.records.facts.domain.documents import DepositorKind
from services.records.measures.domain.errors import (
    MeasureCodeUnknownError,
    MeasureDecimalsError,
    MeasureDerivedError,
    MeasuredInFutureError,
    MeasureOutOfRangeError,
    MeasurePartsError,
    MeasureTextError,
    PressuresReversedError,
    UnitDiffersError,
)
from shared.human_text import clean_line, has_control_character
from shared.moments import FRANCE
from shared.terminology.measures import (
    BLOOD_PRESSURE,
    DIASTOLIC,
    SYSTOLIC,
    WITH_DAYS,
    WITH_MOMENT,
    MeasureType,
    measure_contexts,
    measure_types,
)
from shared.values import RedactedRepr

CLOCK_TOLERANCE: Final = timedelta(minutes=10)
"""How far a device's clock may be ahead."""
_NUMBERS: Final = ("value", "systolic", "diastolic")
_TEXTS: Final = ("comment", "device", "moment", "number_of_days")


@dataclass(frozen=True, slots=True, repr=False)
class Measure(RedactedRepr):
    """A measure. A blood pressure has `systolic` and `diastolic`, every other one `value`, in the unit of its kind.

    `moment` and `number_of_days`: codes of `measure_contexts`. `device`: its name, in the person's words.
    """

    code: str
    measured_at: datetime
    value: Decimal | None = None
    systolic: Decimal | None = None
    diastolic: Decimal | None = None
    moment: str | None = None
    number_of_days: str | None = None
    comment: str | None = None
    device: str | None = None

    @property
    def kind(self) -> MeasureType:
        """The kind of measure."""
        return measure_types()[self.code]

    @property
    def day(self) -> date:
        """The day of the measure, in French time."""
        return self.measured_at.astimezone(FRANCE).date()

    def parts(self) -> Iterator[tuple[MeasureType, Decimal]]:
        """Yields each value with its kind: that of the measure, or the two of a blood pressure."""
        kinds = {"value": self.code, "systolic": SYSTOLIC, "diastolic": DIASTOLIC}
        for name, code in kinds.items():
            number = getattr(self, name)
            if number is not None:
                yield measure_types()[code], number

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage; equal measures give equal bytes. Numbers keep their decimals."""
        values = {"code": self.code, "measured_at": self.measured_at.isoformat()}
        numbers = {name: str(number) for name in _NUMBERS if (number := getattr(self, name)) is not None}
        texts = {name: text for name in _TEXTS if (text := getattr(self, name)) is not None}
        return orjson.dumps({**values, **numbers, **texts})

    @classmethod
    def from_json(cls, data: bytes) -> "Measure":
        """Returns the measure that `as_json` encoded."""
        values = orjson.loads(data)
        numbers = {name: Decimal(values[name]) for name in _NUMBERS if name in values}
        return cls(**{**values, **numbers, "measured_at": datetime.fromisoformat(values["measured_at"])})


@dataclass(frozen=True, slots=True)
class StoredMeasure:
    """A version of a measure in a record. `masked`: hidden from professionals. `deposited_by`: the kind of person who
    entered this version, at `recorded_at`."""

    id: UUID
    version: int
    measure: Measure
    masked: bool
    deposited_by: DepositorKind
    recorded_at: datetime
    is_current: bool = True


def checked(measure: Measure, now: datetime, unit: str | None = None) -> Measure:
    """Returns the measure with its texts cleaned. `unit`: the UCUM code that the sender states, if any.

    Raises the errors of `domain.errors`, each with what is to be corrected.
    """
    kind = measure_types().get(measure.code)
    if kind is None:
        raise MeasureCodeUnknownError
    if kind.is_derived:
        raise MeasureDerivedError
    if unit is not None and unit != kind.unit:
        raise UnitDiffersError.of(kind)
    if measure.measured_at > now + CLOCK_TOLERANCE:
        raise MeasuredInFutureError
    _check_parts(measure)
    for part_kind, number in measure.parts():
        _check_number(part_kind, number)
    if measure.systolic is not None and measure.diastolic is not None and measure.systolic <= measure.diastolic:
        raise PressuresReversedError
    return replace(measure, comment=_cleaned(measure.comment), device=_cleaned(measure.device))


def _check_parts(measure: Measure) -> None:
    """Raises MeasurePartsError where a part is missing, of another measure, or a code that does not exist."""
    is_pressure = measure.code == BLOOD_PRESSURE
    pressures = (measure.systolic is not None, measure.diastolic is not None)
    has_its_numbers = (measure.value is None) == is_pressure and pressures == (is_pressure, is_pressure)
    moment_fits = _fits(measure.moment, measure_contexts("moment"), is_needed=measure.code in WITH_MOMENT)
    days_fit = _fits(measure.number_of_days, measure_contexts("days"), is_needed=measure.code in WITH_DAYS)
    if not (has_its_numbers and moment_fits and days_fit):
        raise MeasurePartsError


def _fits(code: str | None, contexts: Container[str], *, is_needed: bool) -> bool:
    return code is not None and code in contexts if is_needed else code is None


def _check_number(kind: MeasureType, number: Decimal) -> None:
    if kind.minimum is None or kind.maximum is None or not number.is_finite():
        raise MeasureOutOfRangeError.of(kind)
    if not kind.minimum <= number <= kind.maximum:
        raise MeasureOutOfRangeError.of(kind)
    exponent = number.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > kind.decimals:
        raise MeasureDecimalsError.of(kind)


def _cleaned(text: str | None) -> str | None:
    if text is None:
        return None
    line = clean_line(text)
    if not line or has_control_character(line):
        raise MeasureTextError
    return line
