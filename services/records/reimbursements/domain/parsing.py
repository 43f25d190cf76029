"""Parses the text of a line's columns; docs/imports.md defines them.

A negative quantity or amount cancels the line, whatever its operation says: that is how the insurance's own tables
(DCIR) reverse a line.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from services.records.reimbursements.domain.line_errors import (
    AmountError,
    CareCodeError,
    CareDateError,
    CareKindError,
    CareTextError,
    FlagError,
    LineNameError,
    LineVersionError,
    OperationError,
)
from services.records.reimbursements.domain.lines import (
    CODE_SYSTEMS,
    KINDS,
    OPERATIONS,
    Care,
    LineName,
    Operation,
    ReimbursementLine,
)
from shared.human_text import has_control_character
from shared.terminology.oids import INS_NIR
from shared.values import Ins, check_key, is_day

NEEDED_COLUMNS: Final = ("payer", "sheet", "line", "version", "operation", "ins", "care_from", "kind")
AMOUNT_COLUMNS: Final = ("amount_paid", "amount_reimbursed")
OTHER_COLUMNS: Final = (
    *("ins_oid", "care_to", "code", "code_system", "label", "group_code", "group_label", "ingredients", "quantity"),
    *("prescriber_id", "prescriber_name", "prescriber_specialty", "performer_id", "performer_name", "facility"),
    *("confidential", *AMOUNT_COLUMNS, "paid_on"),
)
_LONGEST_NAME: Final = 64
_LONGEST: Final[Mapping[str, int]] = {
    **dict.fromkeys(("code", "group_code", "prescriber_id", "performer_id", "facility"), 64),
    **dict.fromkeys(("label", "group_label", "prescriber_name", "prescriber_specialty", "performer_name"), 250),
    "ingredients": 500,
}
_AMOUNT: Final = re.compile(r"(-?)(\d{1,10})(?:[.,](\d{1,2})0*)?", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,9}", re.ASCII)
_LAST_VERSION: Final = (1 << 31) - 1
_FLAGS: Final[Mapping[str, bool]] = {"": False, "0": False, "false": False, "1": True, "true": True}
_ZONE_AHEAD: Final = timedelta(days=1)
"""A day of care may have begun already where the sender is."""


def parse_line(fields: Mapping[str, str], today: date) -> ReimbursementLine:
    """Returns the line. `fields`: the cleaned text of each column, "" where it is empty. Raises CodedError."""
    name = _name(fields)
    version = _version(fields["version"])
    operation = _operation(fields["operation"])
    ins = Ins.parse(fields["ins"], fields.get("ins_oid") or INS_NIR)
    check_key(ins, lenient_test_oids=True)
    day = _day(fields["care_from"])
    if day > today + _ZONE_AHEAD:
        raise CareDateError
    paid, reimbursed = (parse_cents(fields.get(column, "")) for column in AMOUNT_COLUMNS)
    quantity = _quantity(fields.get("quantity", ""))
    if any(number is not None and number < 0 for number in (paid, reimbursed, quantity)):
        operation = "cancel"
    if operation == "cancel":
        return ReimbursementLine(name, version, operation, ins, day, None)
    return ReimbursementLine(name, version, operation, ins, day, _care(fields, day, quantity, paid, reimbursed))


def parse_cents(text: str) -> int | None:
    """Returns an amount of euros in cents, None for no text. Raises AmountError."""
    if not text:
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise AmountError
    sign, euros, cents = match.groups()
    amount = int(euros) * 100 + int((cents or "0").ljust(2, "0"))
    return -amount if sign else amount


def _name(fields: Mapping[str, str]) -> LineName:
    name = LineName(fields["payer"], fields["sheet"], fields["line"])
    for part in (name.payer, name.sheet, name.line):
        if not 0 < len(part) <= _LONGEST_NAME or has_control_character(part):
            raise LineNameError
    return name


def _version(text: str) -> int:
    if _WHOLE.fullmatch(text) is None and not (text.isascii() and text.isdecimal() and len(text) == 10):
        raise LineVersionError
    version = int(text)
    if not 1 <= version <= _LAST_VERSION:
        raise LineVersionError
    return version


def _operation(text: str) -> Operation:
    if text not in OPERATIONS:
        raise OperationError
    return text


def _day(text: str) -> date:
    if not is_day(text):
        raise CareDateError
    return date.fromisoformat(text)


def _quantity(text: str) -> int | None:
    if not text:
        return None
    if _WHOLE.fullmatch(text) is None:
        raise AmountError
    return int(text)


def _care(fields: Mapping[str, str], day: date, quantity: int | None, paid: int | None, reimbursed: int | None) -> Care:
    kind = fields["kind"]
    if kind not in KINDS:
        raise CareKindError
    flag = _FLAGS.get(fields.get("confidential", "").lower())
    if flag is None:
        raise FlagError
    last_day = _day(text) if (text := fields.get("care_to", "")) else day
    if last_day < day:
        raise CareDateError
    texts = {column: _text(fields.get(column, ""), longest) for column, longest in _LONGEST.items()}
    code_system = fields.get("code_system") or None
    if (texts["code"] is None) != (code_system is None) or (texts["code"] is None and texts["label"] is None):
        raise CareCodeError
    if code_system is not None and code_system not in CODE_SYSTEMS:
        raise CareCodeError
    return Care(
        kind=kind,
        care_from=day,
        care_to=last_day,
        code_system=code_system,
        quantity=quantity,
        confidential=flag,
        amount_paid=paid,
        amount_reimbursed=reimbursed,
        paid_on=_day(text) if (text := fields.get("paid_on", "")) else None,
        **texts,
    )


def _text(text: str, longest: int) -> str | None:
    if len(text) > longest or has_control_character(text):
        raise CareTextError
    return text or None
