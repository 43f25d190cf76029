"""The published figures of the programme, protected so that neither a figure nor a difference of figures reveals a
person.

Every figure, totals included, is rounded separately to the nearest ten; below eleven it is shown as "< 11". The whole
grid of regions and channels is published, so that a missing cell reveals nothing. Each week is published once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Final, Literal, NamedTuple, get_args

from services.identity.people.domain.new_person import OPENING_CHANNELS
from services.identity.people.domain.persons import REGIONS
from shared.errors import InvalidError

LifeEvent = Literal["opening", "activation", "objection", "closure"]
LIFE_EVENTS: Final[tuple[LifeEvent, ...]] = get_args(LifeEvent)
CHANNELS: Final[dict[LifeEvent, tuple[str, ...]]] = {
    "opening": OPENING_CHANNELS,
    "activation": OPENING_CHANNELS,
    "objection": ("online", "phone-agent", "letter"),
    "closure": ("online", "phone-agent", "letter"),
}
"""The channels of each kind of event; an activation is counted under the channel by which its record was opened."""
UNKNOWN_REGION: Final = "unknown"
"""The person's region is unknown."""
TOTAL: Final = "all"
TO_DATE: Final = "-to-date"
ACTIVATION_RATE: Final = "activation-rate"
SMALLEST_SHOWN, ROUNDING_STEP = 11, 10
TOO_FEW: Final = f"< {SMALLEST_SHOWN}"
SETTLING_TIME: Final = timedelta(days=1)
"""The delay after the end of a week before it is published: transactions that began in the week have committed by
then."""
MAX_SPAN: Final = timedelta(days=366)


class SpanInvalidError(InvalidError):
    """Give two days as from=YYYY-MM-DD and to=YYYY-MM-DD, the first not after the second, at most a year apart."""

    code = "span-invalid"
    french = (
        "Indiquez deux jours sous la forme from=AAAA-MM-JJ et to=AAAA-MM-JJ, le premier pas après le second, à un an "
        "d’écart au plus."
    )


class FigureCell(NamedTuple):
    """What a figure counts. The value `all` marks a total."""

    kind: str
    region: str
    channel: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure. `week`: the Monday of its week."""

    week: date
    cell: FigureCell
    text: str


def week_of(at: datetime) -> date:
    """Returns the Monday of the week, in UTC."""
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def settled_before(now: datetime) -> date:
    """Returns a day: weeks that begin before it are over and can be published."""
    return week_of(now - SETTLING_TIME)


def counted_region(code: str | None) -> str:
    """Returns the region if it is one of REGIONS, else UNKNOWN_REGION."""
    return code if code is not None and code in REGIONS else UNKNOWN_REGION


def rounded_count(number: int) -> str:
    """Returns the number rounded to the nearest ten (halves upwards), or "< 11" below eleven."""
    return TOO_FEW if number < SMALLEST_SHOWN else str((number + ROUNDING_STEP // 2) // ROUNDING_STEP * ROUNDING_STEP)


def percentage(part: str, whole: str) -> str:
    """Returns the percentage of two published figures, or "-" where one of them is suppressed."""
    if TOO_FEW in (part, whole):
        return "-"
    return f"{min(100, round(100 * int(part) / int(whole)))} %"


def weekly_figures(numbers: Mapping[FigureCell, int]) -> Iterator[tuple[FigureCell, str]]:
    """Yields all figures of a week: each cell and each total, rounded separately."""
    for kind in LIFE_EVENTS:
        for region, channel in product((*sorted(REGIONS), UNKNOWN_REGION, TOTAL), (*CHANNELS[kind], TOTAL)):
            counted = (
                number for cell, number in numbers.items() if _counts_towards(cell, FigureCell(kind, region, channel))
            )
            yield FigureCell(kind, region, channel), rounded_count(sum(counted))


def figures_to_date(numbers: Mapping[str, int]) -> Iterator[tuple[FigureCell, str]]:
    """Yields the totals since the beginning, and the share of opened records whose holders have an account."""
    shown = {kind: rounded_count(numbers.get(kind, 0)) for kind in LIFE_EVENTS}
    for kind, figure in shown.items():
        yield FigureCell(kind + TO_DATE, TOTAL, TOTAL), figure
    yield FigureCell(ACTIVATION_RATE, TOTAL, TOTAL), percentage(shown["activation"], shown["opening"])


def check_span(first: date, last: date) -> None:
    """Raises SpanInvalidError."""
    if first > last or last - first > MAX_SPAN:
        raise SpanInvalidError


def _counts_towards(cell: FigureCell, total: FigureCell) -> bool:
    return cell.kind == total.kind and total.region in (TOTAL, cell.region) and total.channel in (TOTAL, cell.channel)
