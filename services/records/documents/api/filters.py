"""Parses the filters and the order of a search of DocumentReference."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from services.records.documents.domain.filters import EVER, CarePeriod, DocumentFilters
from services.records.documents.domain.search import NEWEST_CARE_FIRST, NEWEST_FIRST, PageStart, page_start
from services.records.kit.forms import SearchError
from shared.fhir.submission import Identifier
from shared.terminology.rubrics import RubricCode, rubrics

PARAMETERS: Final = frozenset(
    {
        *("rubric", "type", "category", "period", "author:identifier", "author.identifier", "specialty", "setting"),
        *("organization", "encounter:identifier", "encounter.identifier", "title", "_sort"),
    }
)
_PERIOD: Final = re.compile(r"(eq|ge|gt|le|lt)?(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)
_LONGEST_TITLE: Final = 200
_DAY: Final = timedelta(days=1)


def parse_filters(parameters: Mapping[str, str]) -> DocumentFilters:
    """Returns the filters that these parameters describe. Raises SearchError."""
    return DocumentFilters(
        rubrics=_rubrics(parameters.get("rubric")),
        types=_codes(parameters.get("type")),
        class_codes=_codes(parameters.get("category")),
        period=_period(parameters.get("period", "")),
        author=_value(parameters.get("author:identifier", parameters.get("author.identifier"))),
        specialty=_value(parameters.get("specialty")),
        setting=_value(parameters.get("setting")),
        structure=_value(parameters.get("organization")),
        encounter=_identifier(parameters.get("encounter:identifier", parameters.get("encounter.identifier"))),
        title=_title(parameters.get("title")),
    )


def parse_start(parameters: Mapping[str, str]) -> PageStart:
    """Returns where the page begins, by `_sort` and `_after`. Raises SearchError."""
    order = parameters.get("_sort", "")
    if order not in ("", "-period"):
        raise SearchError("_sort can be -period: the newest day of care first. Without it the newest deposit is first.")
    first = NEWEST_CARE_FIRST if order else NEWEST_FIRST
    if "_after" not in parameters:
        return first
    try:
        return page_start(parameters["_after"], by_care=bool(order))
    except ValueError as error:
        raise SearchError("_after must come from the link `next` of the page before, with the same _sort.") from error


def _rubrics(text: str | None) -> frozenset[RubricCode] | None:
    codes = _codes(text)
    if codes is None:
        return None
    all_codes = [rubric.code for rubric in rubrics()]
    if not codes <= {*all_codes}:
        raise SearchError(f"rubric must be one or several of {', '.join(all_codes)}.")
    return frozenset(code for code in all_codes if code in codes)


def _codes(text: str | None) -> frozenset[str] | None:
    """Returns the codes of a token parameter, whose systems follow from the codes."""
    return None if text is None else frozenset(code.rpartition("|")[2].strip() for code in text.split(","))


def _value(text: str | None) -> str | None:
    return None if text is None else text.rpartition("|")[2].strip()


def _identifier(text: str | None) -> Identifier | None:
    if text is None:
        return None
    system, _, value = text.rpartition("|")
    return Identifier(system or None, value)


def _title(text: str | None) -> str | None:
    if text is not None and not (text.strip() and len(text) <= _LONGEST_TITLE):
        raise SearchError(f"title must have 1 to {_LONGEST_TITLE} characters.")
    return text


def _period(text: str) -> CarePeriod:
    """Returns the days that all these bounds leave (FHIR R4, search.html#prefix)."""
    care_from, care_to = EVER.first, EVER.last
    for bound in text.split():
        match = _PERIOD.fullmatch(bound)
        try:
            if match is None:
                raise ValueError
            first, last = _days(int(match[2]), match[3], match[4])
        except (ValueError, OverflowError) as error:
            raise SearchError("period must be a day, month or year: 2026-03, ge2026-03-01, lt2026.") from error
        match match[1]:
            case "ge":
                care_from = max(care_from, first)
            case "gt":
                care_from = max(care_from, last + _DAY)
            case "le":
                care_to = min(care_to, last)
            case "lt":
                care_to = min(care_to, first - _DAY)
            case _:
                care_from, care_to = max(care_from, first), min(care_to, last)
    return CarePeriod(care_from, care_to)


def _days(year: int, month: str | None, day: str | None) -> tuple[date, date]:
    """Returns the first and the last day of a year, month or day. Raises ValueError, OverflowError."""
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if day is not None:
        return date(year, int(month), int(day)), date(year, int(month), int(day))
    first = date(year, int(month), 1)
    return first, (first + timedelta(days=31)).replace(day=1) - _DAY
