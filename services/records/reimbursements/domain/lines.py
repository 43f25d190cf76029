"""A line of reimbursement: its name, its version, whom it is about, and the care that was reimbursed.

All amounts are cents, as integers. The repr() of a line shows only its type, so that no log line can print it.
"""

from dataclasses import dataclass, fields
from datetime import date
from typing import Final, Literal, get_args

import orjson

from shared.values import Ins, RedactedRepr

Kind = Literal["care", "medicine", "device", "hospital-stay", "imaging", "biology", "vaccination"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Operation = Literal["new", "correct", "cancel"]
OPERATIONS: Final[tuple[Operation, ...]] = get_args(Operation)

_CNAM: Final = "1.2.250.1.215.200"
CODE_SYSTEMS: Final = {
    "CIP13": f"{_CNAM}.1.1.1",
    "UCD": f"{_CNAM}.1.1.2",
    "LPP": f"{_CNAM}.2.1",
    "GHM": f"{_CNAM}.3.1",
    "NGAP": f"{_CNAM}.3.3",
    "CCAM": f"{_CNAM}.3.4",
    "NABM": f"{_CNAM}.4.1",
}
"""Code tables of the acts and products that the insurance reimburses -> OIDs (CI-SIS model CNAM-HR 2021.01)."""


@dataclass(frozen=True, slots=True, repr=False)
class Care(RedactedRepr):
    """What was done or supplied, by whom, and what was paid and reimbursed for it, in cents.

    `group_code` and `group_label`: the group of the code in its table, such as the ATC class of a medicine.
    `confidential`: care that representatives and carers never learn of.
    """

    kind: Kind
    care_from: date
    care_to: date
    code: str | None = None
    code_system: str | None = None
    label: str | None = None
    group_code: str | None = None
    group_label: str | None = None
    ingredients: str | None = None
    quantity: int | None = None
    prescriber_id: str | None = None
    prescriber_name: str | None = None
    prescriber_specialty: str | None = None
    performer_id: str | None = None
    performer_name: str | None = None
    facility: str | None = None
    confidential: bool = False
    amount_paid: int | None = None
    amount_reimbursed: int | None = None
    paid_on: date | None = None

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage; equal care gives equal bytes."""
        values = ((name, getattr(self, name)) for name in _FIELDS)
        return orjson.dumps({name: value for name, value in values if value is not None and value is not False})

    @classmethod
    def from_json(cls, data: bytes) -> "Care":
        """Returns the care that `as_json` encoded."""
        values = orjson.loads(data)
        days = {name: date.fromisoformat(values[name]) for name in _DAYS if name in values}
        return cls(**{**values, **days})


_FIELDS: Final = tuple(field.name for field in fields(Care))
_DAYS: Final = ("care_from", "care_to", "paid_on")


@dataclass(frozen=True, slots=True, repr=False)
class LineName(RedactedRepr):
    """The name of a line: the paying fund, its sheet, and the line on that sheet. It names one line for ever."""

    payer: str
    sheet: str
    line: str


@dataclass(frozen=True, slots=True, repr=False)
class ReimbursementLine(RedactedRepr):
    """One line as the insurance sends it. `day`: the first day of care; `care` is None where the line is cancelled."""

    name: LineName
    version: int
    operation: Operation
    ins: Ins
    day: date
    care: Care | None
