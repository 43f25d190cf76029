"""Statements of the patient side, and the content in which they are kept.

The content is `{"format": 1, "form": "health-profile", "statements": [...]}` in JSON, a document like any other: its
type follows from the form, its versions, labels, rights, traces and end are those of documents. Within a format only
optional members and kinds are added; a reader passes over kinds that it does not know.

A statement proposes and warns. It never confirms, contradicts, certifies or merges anything, and gives no blood group.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

import orjson

from services.records.facts.domain.documents import DepositorKind
from services.records.statements.domain.errors import (
    BloodGroupStatedError,
    StatementCodeError,
    StatementDateError,
    StatementKindError,
    StatementTextError,
)
from shared.access.facts import PATIENT_SIDE
from shared.human_text import clean_line, has_control_character, without_invisible
from shared.terminology.statements import BLOOD_GROUP, FORMS, ORGAN_DONATION, StatementForm, statement_kinds
from shared.values import RedactedRepr

FORMAT: Final = 1
STATEMENTS_TYPE: Final = "application/json"
"""The media type of the content; nobody deposits it in any other way."""
Position = Literal["agrees", "refuses"]
_WITH_LINES: Final = frozenset({"note", "directive", "other-wish"})
_OID: Final = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9]\d*)){1,40})", re.ASCII)
_CODE: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
_DATE: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?", re.ASCII)
_TEXTS: Final = ("text", "position", "since", "until")


@dataclass(frozen=True, slots=True, repr=False)
class StatedCode(RedactedRepr):
    """The code of what is stated: in the system with this OID."""

    system: str
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class PatientStatement(RedactedRepr):
    """A statement. `kind`: of `statement_kinds()`. `since`, `until`: a year, month or day. `position`: on organ
    donation. `declared_by`: the kind of person who deposited the version in which it stands."""

    kind: str
    text: str | None = None
    code: StatedCode | None = None
    since: str | None = None
    until: str | None = None
    position: Position | None = None
    declared_by: DepositorKind = "patient"


def checked(form: StatementForm, statements: Sequence[PatientStatement], today: date) -> tuple[PatientStatement, ...]:
    """Returns the statements with their texts cleaned. Raises the errors of `domain.errors`."""
    return tuple(_checked(form, statement, today) for statement in statements)


def statements_content(form: StatementForm, statements: Sequence[PatientStatement]) -> bytes:
    """Returns the content of a document; equal statements give equal bytes. It does not say who declares: that is
    known of the document."""
    return orjson.dumps({"format": FORMAT, "form": form, "statements": [_encoded(each) for each in statements]})


def read_statements(content: bytes, content_type: str, declared_by: DepositorKind) -> tuple[PatientStatement, ...]:
    """Returns the statements in a document's content; empty where it has none, such as a scan, where others than the
    patient side deposited it, and where it is of a newer format.

    Unknown kinds are left out, and so is whatever claims to be a blood group.
    """
    if content_type != STATEMENTS_TYPE or declared_by not in PATIENT_SIDE:
        return ()
    whole = orjson.loads(content)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT or whole.get("form") not in FORMS:
        return ()
    return tuple(_decoded(whole.get("statements", []), declared_by))


def _checked(form: StatementForm, statement: PatientStatement, today: date) -> PatientStatement:
    if statement.kind == BLOOD_GROUP:
        raise BloodGroupStatedError
    kind = statement_kinds().get(statement.kind)
    if kind is None or kind.form != form:
        raise StatementKindError
    is_about_donation = statement.kind == ORGAN_DONATION
    text = _cleaned(statement.text, has_lines=statement.kind in _WITH_LINES)
    if (statement.position is not None) != is_about_donation or (text is None and not is_about_donation):
        raise StatementTextError
    _check_dates(statement, today)
    return replace(statement, text=text, code=None if statement.code is None else _checked_code(statement.code))


def _cleaned(text: str | None, *, has_lines: bool) -> str | None:
    """Returns the text as it is kept, None where there is none. Raises StatementTextError."""
    if text is None:
        return None
    cleaned = without_invisible(text).strip() if has_lines else clean_line(text)
    if not cleaned or has_control_character(cleaned, has_lines=has_lines):
        raise StatementTextError
    return cleaned


def _checked_code(code: StatedCode) -> StatedCode:
    oid = _OID.fullmatch(code.system)
    if oid is None or _CODE.fullmatch(code.code) is None:
        raise StatementCodeError
    display = None if code.display is None else clean_line(code.display) or None
    if display is not None and has_control_character(display):
        raise StatementCodeError
    return StatedCode(oid[1], code.code, display)


def _check_dates(statement: PatientStatement, today: date) -> None:
    for text in (statement.since, statement.until):
        if text is not None and not _is_date(text):
            raise StatementDateError
    since, until = statement.since, statement.until
    if since is not None and since > today.isoformat()[: len(since)]:
        raise StatementDateError
    if since is not None and until is not None and until < since[: len(until)]:
        raise StatementDateError


def _is_date(text: str) -> bool:
    """Returns whether the text is a year from 1900 on, a month or a day."""
    if _DATE.fullmatch(text) is None or text < "1900":
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError:
        return False
    return True


def _encoded(statement: PatientStatement) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": statement.kind}
    values |= {name: value for name in _TEXTS if (value := getattr(statement, name)) is not None}
    if (code := statement.code) is not None:
        display = {} if code.display is None else {"display": code.display}
        values["code"] = {"system": code.system, "code": code.code, **display}
    return values


def _decoded(statements: Sequence[dict[str, Any]], declared_by: DepositorKind) -> Iterator[PatientStatement]:
    for values in statements:
        if values.get("kind") not in statement_kinds():
            continue
        code = values.get("code")
        yield PatientStatement(
            kind=values["kind"],
            **{name: values.get(name) for name in _TEXTS},
            code=None if code is None else StatedCode(code["system"], code["code"], code.get("display")),
            declared_by=declared_by,
        )
