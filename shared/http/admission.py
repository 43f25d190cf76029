"""Who is let in while a process has more to do than it can: early refusals, so that what is accepted is answered soon.

A process judges itself only, by how late its event loop is and by how long its requests wait for a connection: never
by what lies behind it, so that deposits are accepted while consent is away. What counts is a delay that stands: the
shortest of the last samples (as in CoDel, RFC 8289), so that one long step refuses nobody. The refusal comes before
anything is looked up, and is the same whether or not there is something to find.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi.routing import APIRoute

from shared.access.requirements import EMERGENCIES
from shared.db.pool import Pool, longest_wait
from shared.errors import OverloadedError
from shared.http.tokens import Caller

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
SAMPLE_EVERY_S: Final = 0.05
SAMPLES: Final = 10
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


LONGEST_DELAY_S: Final[dict[Urgency, float]] = {
    Urgency.EMERGENCY: 4.0,
    Urgency.CHANGE: 2.0,
    Urgency.READ: 1.0,
    Urgency.DEPOSIT: 0.5,
    Urgency.BULK: 0.25,
}
"""The standing delay, in seconds, from which on requests of this urgency are refused."""


class Load:
    """How late this process is."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque([0.0] * SAMPLES, maxlen=SAMPLES)

    @property
    def standing_delay(self) -> float:
        """Seconds that every recent request had to wait."""
        return min(self._samples)

    def add(self, delay: float) -> None:
        """One sample."""
        self._samples.append(delay)

    def admit(self, urgency: Urgency) -> None:
        """Raises OverloadedError."""
        if self.standing_delay > LONGEST_DELAY_S[urgency]:
            raise OverloadedError

    async def watch(self, pool: Pool) -> None:
        """Takes samples, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_EVERY_S
            await asyncio.sleep(SAMPLE_EVERY_S)
            self.add(max(loop.time() - due, longest_wait(pool)))


def urgent(urgency: Urgency) -> Callable[[Endpoint], Endpoint]:
    """Says of an endpoint how urgent it is; without it, looking is READ and everything else CHANGE."""

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _URGENCY, urgency)
        return endpoint

    return marked


def urgency_of(route: APIRoute) -> Urgency:
    """How urgent requests to a route are, whoever asks."""
    by_method = Urgency.READ if (route.methods or set()) <= {"GET", "HEAD"} else Urgency.CHANGE
    urgency: Urgency = getattr(route.endpoint, _URGENCY, by_method)
    return urgency


def urgency_for(caller: Caller | None, route_urgency: Urgency) -> Urgency:
    """Looking in an emergency session is an emergency."""
    is_emergency = caller is not None and caller.mode in EMERGENCIES and route_urgency is Urgency.READ
    return Urgency.EMERGENCY if is_emergency else route_urgency
