"""Admission: while requests come faster than a process answers them, most are refused early, and the rest stay fast.

What counts is how many requests the process works on. That number bounds both the queue for its connections and the
work of one turn of its event loop, and so the latency of what is admitted; it needs no figure of how fast the machine
is. A request that only waits, for its body, for a fixed delay or for another service's result, does not count
(`idle`): a slow sender holds nobody back. What lies behind the process does not count either, so that deposits
are accepted while consent is away. The refusal comes before anything is looked up, and is the same whether or not
there is something to find.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute

from shared.errors import OverloadedError
from shared.http.tokens import Caller
from shared.terminology.access_modes import EMERGENCY_MODES

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_URGENCY: Final = "urgency"


class Urgency(StrEnum):
    """What a request is for, the most urgent first."""

    EMERGENCY = "emergency"
    CHANGE = "change"
    """Of rights, labels and accounts: what takes a right away must not wait."""
    READ = "read"
    DEPOSIT = "deposit"
    """Kept by the sender and sent again."""
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Limits:
    """A request is refused where the process works on that many already: `burst` begins an overload, and while that
    lasts `overload` is the limit. A closed loop of a few clients never begins one; see docs/overload.md."""

    burst: int
    overload: int


LIMITS: Final[Mapping[Urgency, Limits]] = {
    Urgency.EMERGENCY: Limits(burst=128, overload=32),
    Urgency.CHANGE: Limits(burst=64, overload=6),
    Urgency.READ: Limits(burst=32, overload=2),
    Urgency.DEPOSIT: Limits(burst=24, overload=1),
    Urgency.BULK: Limits(burst=12, overload=1),
}
WINDOW_S: Final = 1.0
CALM_SHARE: Final = 1 / 3
"""An overload is over after WINDOW_S in which no more than this share was refused. The close limits refuse less than
that of a load that can be worked off, so no overload outlives its cause."""


class Load:
    """How many requests this process works on, and whether they are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_work = 0
        self._window_ends: float | None = None  # during an overload
        self._asked, self._refused = 0, 0  # since its window began

    @property
    def at_work(self) -> int:
        """Requests that are worked on now."""
        return self._at_work

    @contextmanager
    def admit(self, urgency: Urgency) -> Iterator["Place"]:
        """A place for one request until the block ends. Raises OverloadedError."""
        self._check(urgency)
        place = Place(self)
        place.take()
        token = _place.set(place)
        try:
            yield place
        finally:
            _place.reset(token)
            place.leave()

    def change(self, by: int) -> None:
        """More or fewer are worked on."""
        self._at_work += by

    def _check(self, urgency: Urgency) -> None:
        limits, now = LIMITS[urgency], self._clock()
        if self._window_ends is not None and now >= self._window_ends:
            self._look_back(now, self._window_ends)
        self._asked += 1
        if self._at_work < (limits.burst if self._window_ends is None else limits.overload):
            return
        if self._window_ends is None:
            self._begin_window(now)
        self._refused += 1
        raise OverloadedError

    def _look_back(self, now: float, ended: float) -> None:
        """At the window that has ended, or at the silence since then."""
        if self._refused <= CALM_SHARE * self._asked or now >= ended + WINDOW_S:
            self._window_ends = None
        else:
            self._begin_window(now)

    def _begin_window(self, now: float) -> None:
        self._window_ends = now + WINDOW_S
        self._asked, self._refused = 0, 0


class Place:
    """What one admitted request takes of its process."""

    def __init__(self, load: Load) -> None:
        self._load, self._is_taken = load, False

    def take(self) -> None:
        """It is worked on (again)."""
        if not self._is_taken:
            self._is_taken = True
            self._load.change(+1)

    def leave(self) -> None:
        """Nothing is done for it now."""
        if self._is_taken:
            self._is_taken = False
            self._load.change(-1)


_place: ContextVar[Place | None] = ContextVar("place", default=None)


@contextmanager
def idle() -> Iterator[None]:
    """Around what only waits: the present request, if there is one, has no place meanwhile."""
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
    """Says of an endpoint how urgent it is; without it, looking is READ and everything else CHANGE."""

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _URGENCY, urgency)
        return endpoint

    return marked


def urgency_of(route: APIRoute) -> Urgency:
    """How urgent requests to a route are, for any caller."""
    by_method = Urgency.READ if (route.methods or set()) <= {"GET", "HEAD"} else Urgency.CHANGE
    urgency: Urgency = getattr(route.endpoint, _URGENCY, by_method)
    return urgency


def urgency_for(caller: Caller | None, route_urgency: Urgency) -> Urgency:
    """Looking in an emergency session is an emergency."""
    is_emergency = caller is not None and caller.mode in EMERGENCY_MODES and route_urgency is Urgency.READ
    return Urgency.EMERGENCY if is_emergency else route_urgency
