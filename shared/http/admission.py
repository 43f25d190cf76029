"""Admission control: in an overload most requests are refused early, so that the admitted ones stay fast.

Bulk work has a lane of its own (`shared.http.bulk_lane`), where it waits for its turn. What follows is the live lane,
that of all others.

The measure is the number of requests that the process works on. It bounds the queue for connections and the work of one
turn of the event loop, and so the latency of admitted requests, without any estimate of the machine's speed. A request
that only waits (for its body, a fixed delay or another service's result) does not count (`idle`), so that a slow sender
holds back nobody else. Work outside the process does not count either, so that deposits are accepted while consent is
away. A request is refused before any look-up, so the refusal does not depend on whether a document or record exists.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute

from shared.errors import OverloadedError
from shared.http.bulk_lane import BULK, BulkLane
from shared.http.tokens import Caller
from shared.runtime.metrics import NOT_ADMITTED, REQUESTS_AT_WORK, start_at_zero
from shared.terminology.access_modes import EMERGENCY_MODES

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_URGENCY: Final = "urgency"
_LIVE: Final = "live"
_BACKGROUND: Final = re.compile(r"(?:^|,)\s*u=7\s*(?:[,;]|$)", re.ASCII)


class Urgency(StrEnum):
    """The urgency of a request, the most urgent first."""

    EMERGENCY = "emergency"
    CHANGE = "change"
    """Changes of rights, labels and accounts: the withdrawal of a right must not wait."""
    READ = "read"
    DEPOSIT = "deposit"
    """The sender keeps the document and sends it again."""
    BULK = BULK
    """Nobody waits for it at a screen: what-if, replay, a hospital's backlog."""


start_at_zero(NOT_ADMITTED, [urgency.value for urgency in Urgency])


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of requests in work at which one more is refused: `burst` begins an overload, `overload` holds
    while it lasts. A closed loop of a few clients never begins one; see docs/overload.md."""

    burst: int
    overload: int


LIMITS: Final[Mapping[Urgency, Limits]] = {
    Urgency.EMERGENCY: Limits(burst=128, overload=32),
    Urgency.CHANGE: Limits(burst=64, overload=6),
    Urgency.READ: Limits(burst=32, overload=2),
    Urgency.DEPOSIT: Limits(burst=24, overload=1),
}
"""The limits of the live lane."""
QUIET: Final = 2
"""Bulk work begins while fewer live requests are at work, and no overload lasts."""
WINDOW_S: Final = 1.0
CALM_SHARE: Final = 1 / 3
"""An overload ends after a window of WINDOW_S in which at most this share was refused. Under a load that the process
can handle, the stricter limits refuse less than this share, so no overload outlives its cause."""


class Load:
    """The number of live requests that this process works on, the state of an overload, and the lane of bulk work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.at_work = 0
        self.bulk = BulkLane(self.is_quiet)
        self.change(0)
        self._clock = clock
        self._window_ends: float | None = None  # set during an overload
        self._asked, self._refused = 0, 0  # since the window began

    @asynccontextmanager
    async def admit(self, urgency: Urgency) -> AsyncIterator["Place"]:
        """Admits one request until the block ends and yields its place; bulk work waits for its turn first.

        Raises OverloadedError, and BulkLaneFullError for bulk work.
        """
        if urgency is Urgency.BULK:
            async with self.bulk.turn():
                with _held(Place(None)) as place:
                    yield place
        else:
            self._check(urgency)
            with _held(Place(self)) as place:
                yield place

    def change(self, by: int) -> None:
        """Adds to the number of live requests in work."""
        self.at_work += by
        REQUESTS_AT_WORK.labels(_LIVE).set(self.at_work)

    def is_quiet(self) -> bool:
        """Returns whether bulk work may begin."""
        return self.at_work < QUIET and self._window_ends is None

    def _check(self, urgency: Urgency) -> None:
        limits, now = LIMITS[urgency], self._clock()
        if self._window_ends is not None and now >= self._window_ends:
            self._look_back(now, self._window_ends)
        self._asked += 1
        if self.at_work < (limits.burst if self._window_ends is None else limits.overload):
            return
        if self._window_ends is None:
            self._begin_window(now)
        self._refused += 1
        NOT_ADMITTED.labels(urgency.value).inc()
        raise OverloadedError

    def _look_back(self, now: float, ended: float) -> None:
        """Ends the overload or begins a new window, judged by the window that has ended and the time since then."""
        if self._refused <= CALM_SHARE * self._asked or now >= ended + WINDOW_S:
            self._window_ends = None
        else:
            self._begin_window(now)

    def _begin_window(self, now: float) -> None:
        self._window_ends = now + WINDOW_S
        self._asked, self._refused = 0, 0


class Place:
    """The share of one admitted request in the load of its process; that of bulk work, without a load, is its turn."""

    def __init__(self, load: Load | None) -> None:
        self._load, self._is_taken = load, False

    @property
    def is_bulk(self) -> bool:
        """Whether this is bulk work."""
        return self._load is None

    def take(self) -> None:
        """Counts the request as in work (again)."""
        if self._load is not None and not self._is_taken:
            self._is_taken = True
            self._load.change(+1)

    def leave(self) -> None:
        """Counts the request as waiting."""
        if self._load is not None and self._is_taken:
            self._is_taken = False
            self._load.change(-1)


_place: ContextVar[Place | None] = ContextVar("place", default=None)


@contextmanager
def _held(place: Place) -> Iterator[Place]:
    """Takes the place for the block, within which `idle` and `is_bulk` refer to it."""
    place.take()
    token = _place.set(place)
    try:
        yield place
    finally:
        _place.reset(token)
        place.leave()


def is_bulk() -> bool:
    """Returns whether the present request was admitted in the lane of bulk work."""
    place = _place.get()
    return place is not None and place.is_bulk


@contextmanager
def idle() -> Iterator[None]:
    """Wraps a mere wait: meanwhile the present request, if there is one, does not count as in work."""
    place = _place.get()
    if place is None:
        yield
        return
    place.leave()
    try:
        yield
    finally:
        place.take()


def urgent(urgency: Urgency) -> Callable[[Endpoint], Endpoint]:
    """Decorates an endpoint with its urgency. The default is READ for GET and HEAD, CHANGE for other methods."""

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _URGENCY, urgency)
        return endpoint

    return marked


def urgency_of(route: APIRoute) -> Urgency:
    """Returns the urgency of requests to a route for any caller."""
    by_method = Urgency.READ if (route.methods or set()) <= {"GET", "HEAD"} else Urgency.CHANGE
    urgency: Urgency = getattr(route.endpoint, _URGENCY, by_method)
    return urgency


def urgency_for(caller: Caller | None, route_urgency: Urgency, priority: str = "") -> Urgency:
    """Returns the urgency for this caller.

    Reading in an emergency session is an emergency. Reads and deposits of software registered as bulk, and those that
    ask for it by `Priority: u=7` (RFC 9218, section 4.1: background tasks), are bulk work; a change never is.
    """
    if caller is not None and caller.mode in EMERGENCY_MODES and route_urgency is Urgency.READ:
        return Urgency.EMERGENCY
    may_wait = (caller is not None and caller.is_bulk) or _BACKGROUND.search(priority) is not None
    return Urgency.BULK if may_wait and route_urgency in (Urgency.READ, Urgency.DEPOSIT) else route_urgency
