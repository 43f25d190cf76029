"""A record's history of reimbursements: the lines that one caller sees, newest care first, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.records.reimbursements.domain.lines import Care, Kind
from services.records.reimbursements.domain.retention import month_of
from shared.access import Facts
from shared.access.reimbursements import sees_amounts, sees_confidential_care
from shared.errors import ClientError
from shared.values import is_day

PAGE_LINES = 50


class PeriodError(ClientError):
    """A period is two days, YYYY-MM-DD/YYYY-MM-DD, the first one not later; either may be missing."""

    code = "period-invalid"
    french = "Une période est deux jours, AAAA-MM-JJ/AAAA-MM-JJ, dans l’ordre ; l’un ou l’autre peut manquer."


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is asked for: care that began in this period (both days included; None: open), of this kind or of all."""

    first: date | None = None
    last: date | None = None
    kind: Kind | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class StoredCare:
    """A line with its key in the record."""

    key: bytes
    care: Care


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of lines. `total`: the lines of all pages; `kept_from`: the first day of care that is kept."""

    lines: Sequence[StoredCare]
    page: int
    pages: int
    total: int
    kept_from: date


def parse_period(text: str) -> tuple[date | None, date | None]:
    """Returns the first and the last day. Raises PeriodError."""
    first, separator, last = text.partition("/")
    if not separator:
        raise PeriodError
    days = _day(first), _day(last)
    if days[0] is not None and days[1] is not None and days[0] > days[1]:
        raise PeriodError
    return days


def months_of(query: HistoryQuery, oldest: date, newest: date) -> Sequence[date]:
    """Returns the months in which such care is stored, of those from `oldest` to `newest`."""
    first, last = max(query.first or oldest, oldest), min(query.last or newest, newest)
    months, month = [], month_of(first)
    while month <= last:
        months.append(month)
        month = month_of(date.fromordinal(month.toordinal() + 31))
    return months


def visible_lines(lines: Sequence[StoredCare], query: HistoryQuery, facts: Facts, oldest: date) -> Sequence[StoredCare]:
    """Returns the lines that the caller may learn of, newest care first. `oldest`: the first day that is kept; older
    care is not shown."""
    visible = [line for line in lines if _is_visible(line.care, query, facts, oldest)]
    return sorted(visible, key=lambda line: (line.care.care_from, line.key), reverse=True)


def page_of(visible: Sequence[StoredCare], query: HistoryQuery, facts: Facts, oldest: date) -> HistoryPage:
    """Returns the page of the visible lines, without amounts where the caller does not see them."""
    start = (query.page - 1) * PAGE_LINES
    shown = visible[start : start + PAGE_LINES]
    if not sees_amounts(facts):
        shown = [replace(line, care=_without_amounts(line.care)) for line in shown]
    return HistoryPage(shown, query.page, -(-len(visible) // PAGE_LINES), len(visible), oldest)


def _is_visible(care: Care, query: HistoryQuery, facts: Facts, oldest: date) -> bool:
    is_in_period = (query.first or oldest) <= care.care_from and (query.last is None or care.care_from <= query.last)
    return oldest <= care.care_from and is_in_period and (not care.confidential or sees_confidential_care(facts))


def _without_amounts(care: Care) -> Care:
    return replace(care, amount_paid=None, amount_reimbursed=None, paid_on=None)


def _day(text: str) -> date | None:
    if not text:
        return None
    if not is_day(text):
        raise PeriodError
    return date.fromisoformat(text)
