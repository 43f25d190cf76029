"""A line of reimbursement: which ones are taken, and what each column means."""

from datetime import date

import pytest

from services.records.reimbursements.domain import line_errors as errors
from services.records.reimbursements.domain.lines import KINDS, Care
from services.records.reimbursements.domain.parsing import parse_cents, parse_line
from services.records.reimbursements.domain.retention import oldest_day
from shared.errors import CodedError
from shared.values import InvalidInsError, UnknownInsSystemError, WrongInsKeyError
from tests.infra.load.documents import Person
from tests.infra.records.reimbursement_files import Fields, a_line

TODAY = date(2026, 11, 29)
PERSON = Person(1)


def fields(**changed: str) -> Fields:
    return a_line(PERSON) | changed


def test_a_line_says_what_was_supplied_and_paid_in_cents() -> None:
    line = parse_line(fields(), TODAY)
    assert (line.name.payer, line.name.sheet, line.name.line) == ("01751", "2026-000123", "1")
    assert (line.version, line.operation, line.day) == (1, "new", date(2026, 10, 5))
    assert line.care is not None
    assert (line.care.amount_paid, line.care.amount_reimbursed, line.care.quantity) == (2530, 1645, 2)
    assert (line.care.code, line.care.code_system, line.care.facility) == ("3400930000120", "CIP13", None)


def test_care_comes_back_from_its_json_and_equal_care_gives_equal_bytes() -> None:
    care = parse_line(fields(confidential="1"), TODAY).care
    assert care is not None
    assert Care.from_json(care.as_json()) == care
    again = parse_line(fields(confidential="true", amount_paid="25,3"), TODAY).care
    assert again is not None
    assert again.as_json() == care.as_json()


@pytest.mark.parametrize(
    ("text", "cents"),
    [("", None), ("0", 0), ("12", 1200), ("12.5", 1250), ("12,05", 1205), ("-3.40", -340), ("25.3000", 2530)],
)
def test_amounts_are_cents_and_never_floating(text: str, cents: int | None) -> None:
    assert parse_cents(text) == cents


@pytest.mark.parametrize("text", ["12.345", "1e3", "12 €", "--1", "١٢", ".5", "12."])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(errors.AmountError):
        parse_cents(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_care_is_taken(kind: str) -> None:
    care = parse_line(fields(kind=kind), TODAY).care
    assert care is not None
    assert care.kind == kind


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"payer": ""}, errors.LineNameError),
        ({"sheet": "x" * 65}, errors.LineNameError),
        ({"line": "1\x002"}, errors.LineNameError),
        ({"version": "0"}, errors.LineVersionError),
        ({"version": "1.0"}, errors.LineVersionError),
        ({"version": "9" * 11}, errors.LineVersionError),
        ({"operation": "delete"}, errors.OperationError),
        ({"ins": "123"}, InvalidInsError),
        ({"ins_oid": "1.2.3"}, UnknownInsSystemError),
        ({"ins": "255069999999935", "ins_oid": ""}, WrongInsKeyError),
        ({"care_from": "05/10/2026"}, errors.CareDateError),
        ({"care_from": "20261005"}, errors.CareDateError),
        ({"care_from": "2026-W01-1"}, errors.CareDateError),
        ({"care_to": "2027-W40-1"}, errors.CareDateError),
        ({"paid_on": "2026-W42-1"}, errors.CareDateError),
        ({"care_from": "2026-12-02", "care_to": ""}, errors.CareDateError),
        ({"care_to": "2026-10-04"}, errors.CareDateError),
        ({"kind": "wellness"}, errors.CareKindError),
        ({"code_system": ""}, errors.CareCodeError),
        ({"code_system": "ATC"}, errors.CareCodeError),
        ({"code": "", "code_system": "", "label": ""}, errors.CareCodeError),
        ({"label": "x" * 251}, errors.CareTextError),
        ({"performer_name": "A\x1bB"}, errors.CareTextError),
        ({"quantity": "1.5"}, errors.AmountError),
        ({"amount_paid": "free"}, errors.AmountError),
        ({"confidential": "perhaps"}, errors.FlagError),
        ({"paid_on": "soon"}, errors.CareDateError),
    ],
)
def test_a_line_that_says_something_wrong_is_rejected_with_its_code(changed: Fields, error: type[CodedError]) -> None:
    with pytest.raises(error) as raised:
        parse_line(fields(**changed), TODAY)
    assert raised.value.code == error.code


def test_a_code_may_be_missing_and_ucd_stands_beside_cip13() -> None:
    care = parse_line(fields(code="", code_system=""), TODAY).care
    assert care is not None
    assert (care.code, care.label) == (None, "MÉDICAMENT INVENTÉ 500 mg, comprimé")
    hospital = parse_line(fields(code="9000001", code_system="UCD"), TODAY).care
    assert hospital is not None
    assert hospital.code_system == "UCD"


@pytest.mark.parametrize(
    "changed", [{"amount_paid": "-25.30"}, {"amount_reimbursed": "-16.45"}, {"quantity": "-2"}, {"operation": "cancel"}]
)
def test_a_negative_line_cancels_as_the_operation_does(changed: Fields) -> None:
    line = parse_line(fields(**changed), TODAY)
    assert (line.operation, line.care) == ("cancel", None)


def test_a_cancel_needs_only_its_name_version_person_and_day() -> None:
    bare = dict.fromkeys(fields(), "") | {
        name: text
        for name, text in fields(operation="cancel", version="2").items()
        if name in ("payer", "sheet", "line", "version", "operation", "ins", "ins_oid", "care_from")
    }
    assert parse_line(bare, TODAY).version == 2


def test_a_line_prints_nothing_of_its_content() -> None:
    line = parse_line(fields(), TODAY)
    assert repr(line) == "ReimbursementLine(...)"
    assert repr(line.care) == "Care(...)"


@pytest.mark.parametrize(
    ("today", "oldest"),
    [
        (date(2026, 11, 29), date(2024, 11, 29)),
        (date(2026, 2, 28), date(2024, 2, 28)),
        (date(2028, 2, 29), date(2026, 2, 28)),
        (date(2027, 1, 1), date(2025, 1, 1)),
    ],
)
def test_24_months_are_kept_to_the_day(today: date, oldest: date) -> None:
    assert oldest_day(today, 24) == oldest
