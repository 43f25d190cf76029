"""Reads FHIR JSON strictly: typed access that collects every fault with its FHIRPath.

Written by hand rather than with a model library: each needed element is read once, others are not read, and all faults
of a submission are reported together, in words that help its sender to correct them.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from shared.fhir.outcomes import Issue, IssueType
from shared.fhir.submission import InvalidSubmissionError, Span
from shared.human_text import has_control_character
from shared.moments import FRANCE
from shared.terminology import oids
from shared.values import document_id

MAX_ISSUES: Final = 50
MAX_TEXT: Final = 1024

_NUL_ESCAPE: Final = b"\\u0000"

# FHIR R4 dateTime and instant. A time needs seconds, and then a time zone too.
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(T\d{2}:\d{2}:)?(?(4)(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})))?)?", re.ASCII
)
# Outside these years some component downstream cannot convert a moment between time zones.
_YEARS: Final = range(1850, 2200)


class Report:
    """The issues found so far. Beyond MAX_ISSUES they are only counted, so that no answer grows without bound."""

    __slots__ = ("issues", "omitted")

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.omitted = 0

    def add(self, code: str, diagnostics: str, expression: str, kind: IssueType = IssueType.INVALID) -> None:
        """Adds an issue."""
        if len(self.issues) < MAX_ISSUES:
            self.issues.append(Issue(code, diagnostics, expression, kind))
        else:
            self.omitted += 1

    @property
    def count(self) -> int:
        """The number of issues, including those that are only counted."""
        return len(self.issues) + self.omitted

    def failure(self) -> InvalidSubmissionError:
        """Returns the error that carries all issues."""
        issues = tuple(self.issues)
        if self.omitted:
            issues += (Issue("issues-omitted", f"{self.omitted} more issues were found.", None, IssueType.TOO_COSTLY),)
        return InvalidSubmissionError(issues)


class Node:
    """A JSON object of the submission, with its FHIRPath and the report for its faults."""

    __slots__ = ("full_url", "path", "report", "value")

    def __init__(self, value: dict[str, Any], path: str, report: Report, full_url: str = "") -> None:
        self.value = value
        self.path = path
        self.report = report
        self.full_url = full_url
        """The fullUrl of the entry that holds it; "" where it has none."""

    def text(self, name: str, *, required: bool = False, limit: int = MAX_TEXT, has_lines: bool = False) -> str | None:
        """Returns a string that is not blank, else None. Reports a wrong value, and a missing one if required.

        Control characters are refused (FHIR R4, string); tab, line feed and carriage return are taken with
        `has_lines`.
        """
        text = self.value.get(name)
        if text is None:
            self._absent(name, required)
            return None
        if not isinstance(text, str) or not text or text.isspace():
            self.wrong(name, "must be a string that is not empty")
            return None
        if len(text) > limit:
            self.report.add(
                "element-too-long", f"{name} has more than {limit} characters.", self.at(name), IssueType.TOO_LONG
            )
            return None
        if has_control_character(text, has_lines=has_lines):
            self.wrong(name, "holds a control character: remove it", "control-character")
            return None
        return text

    def child(self, name: str, *, required: bool = False) -> "Node | None":
        """Returns a JSON object; else None. Reports a wrong value, and a missing one when it is required."""
        value = self.value.get(name)
        if value is None:
            self._absent(name, required)
            return None
        if not isinstance(value, dict):
            self.wrong(name, "must be a JSON object")
            return None
        return Node(value, self.at(name), self.report, self.full_url)

    def children(self, name: str, *, required: bool = False) -> list["Node"]:
        """Returns the JSON objects of an array. Reports items of another kind, and a missing array if required."""
        items = self.value.get(name)
        if items is None:
            self._absent(name, required)
            return []
        if not isinstance(items, list) or not items:
            self.wrong(name, "must be a JSON array that is not empty")
            return []
        nodes = []
        for index, item in enumerate(items):
            if isinstance(item, dict):
                nodes.append(Node(item, f"{self.path}.{name}[{index}]", self.report, self.full_url))
            else:
                self.wrong(f"{name}[{index}]", "must be a JSON object")
        return nodes

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """Returns a FHIR instant, dateTime or date as a datetime; a partial one is its first moment in French time."""
        text = self.text(name, required=required)
        if text is None:
            return None
        moment = parse_moment(text)
        if moment is None:
            self.wrong(name, "must be a FHIR date with year 1850 to 2199, and with a zone when it has a time")
        return moment

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        """Returns a FHIR instant as a datetime; reports a day, month or year, which an instant is never (FHIR R4,
        datatypes)."""
        if self.partial_date(name) is not None:
            self.wrong(name, "is an instant: send the time too, with a zone, such as 2026-03-12T09:30:00+01:00")
            return None
        return self.moment(name, required=required)

    def partial_date(self, name: str) -> str | None:
        """Returns the text of a date that names only a day, month or year; None for any other value."""
        text = self.value.get(name)
        return text if isinstance(text, str) and "T" not in text else None

    def forbid(self, *names: str, reason: str) -> None:
        """Reports elements that must be absent."""
        for name in names:
            if name in self.value:
                self.report.add("element-forbidden", f"Leave {name} out: {reason}.", self.at(name), IssueType.STRUCTURE)

    def wrong(self, name: str, rule: str, code: str = "element-invalid", kind: IssueType = IssueType.VALUE) -> None:
        """Reports an element that breaks a rule."""
        self.report.add(code, f"{name} {rule}.", self.at(name), kind)

    def at(self, name: str) -> str:
        """Returns the FHIRPath of a child element."""
        return f"{self.path}.{name}"

    def _absent(self, name: str, required: bool) -> None:
        if required:
            self.report.add("element-missing", f"Add {name}: it is mandatory.", self.at(name), IssueType.REQUIRED)


def load(body: bytes) -> dict[str, Any]:
    """Returns the JSON object of a body. Raises InvalidSubmissionError (malformed) for any other bytes."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error) or "recursion" in str(error).lower():
            raise _malformed("json-too-deep", "The JSON is nested deeper than 1024 levels.") from None
        raise _malformed("json-invalid", f"This is not JSON in UTF-8 (line {error.lineno}).") from None
    if not isinstance(value, dict):
        raise _malformed("json-invalid", "A FHIR resource is a JSON object.")
    return value


def refuse_nul(value: dict[str, Any], body: bytes, spans: Iterable[Span] = ()) -> None:
    """Raises InvalidSubmissionError when a string contains a NUL, which FHIR forbids; `spans` of base64 are skipped."""
    start = 0
    for span in spans:
        if body.find(_NUL_ESCAPE, start, span.start) >= 0:
            break
        start = span.end
    if body.find(_NUL_ESCAPE, start) >= 0 and _has_nul(value):
        raise _malformed("nul-character", "Remove the NUL characters: FHIR strings hold none.")


def parse_moment(text: str) -> datetime | None:
    """Returns a FHIR instant, dateTime or date as an aware datetime; else None.

    A partial date is its first moment in French time, given in UTC. Fractions are cut to microseconds, and second 60 (a
    leap second) is the first of the next minute.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None or int(match[1]) not in _YEARS:
        return None
    try:
        if match[4] is None:
            first = datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1), tzinfo=FRANCE)
            return first.astimezone(UTC)
        is_leap_second = match[5] == "60"
        moment = datetime.fromisoformat(
            f"{text[:17]}{'59' if is_leap_second else match[5]}{(match[6] or '')[:7]}{match[7]}"
        )
    except ValueError:
        return None
    return moment.replace(microsecond=0) + timedelta(seconds=1) if is_leap_second else moment


def canonical_identifier(system: str | None, value: str) -> str | None:
    """Returns the canonical form (shared.values.document_id) of a FHIR Identifier of a document or SubmissionSet, or
    None.

    Its system is `urn:ietf:rfc:3986` with a URN as value (PDSm), or an OID with a local value (CDA root and extension
    in FHIR terms). In practice `urn:oid:` before a UUID, `OID^extension` and upper-case UUIDs occur as well.
    """
    if system is not None and system != oids.URI:
        return document_id(system[8:], value) if system.startswith("urn:oid:") else None
    if not value.lower().startswith(("urn:oid:", "urn:uuid:")):
        return None
    root, caret, extension = value[value.index(":", 4) + 1 :].partition("^")
    return document_id(root, extension if caret else None)


def _malformed(code: str, diagnostics: str) -> InvalidSubmissionError:
    return InvalidSubmissionError((Issue(code, diagnostics, "Bundle", IssueType.STRUCTURE),), malformed=True)


def _has_nul(value: object) -> bool:
    """Whether any string contains a NUL. Not recursive, because the sender controls the depth of nesting."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False
