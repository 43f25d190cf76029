"""Answers that say "nothing here for you" are given at a fixed pace, so that no clock tells which reason one has.

Refusing a document costs an entry in the ledger and a flush, what does not exist costs neither. Both are answered on
the next beat after the request was whole, counted from that moment: whoever sends a body slowly moves the beat with it.
Nothing is held while an answer waits: its transaction is over, its connection is back. A beat that is missed, under
load, is followed by the next.
"""

import asyncio
import math
import time
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

RESPONSE_DELAY_S: Final = 0.1
"""Many times what a refusal takes on an idle machine (3 to 8 ms), so that a busy one seldom misses it; hardly noticed
by a person."""
FINE_S: Final = 0.001
"""Timers of the event loop are exact to a millisecond, and when they ring would tell what came before: the last stretch
is waited through turn by turn."""
_WHOLE: Final = "dmp.whole_at"
now = time.perf_counter


def mark_body_received(scope: Scope) -> None:
    """So far the request is here: called when it comes, and again with each part of its body."""
    scope[_WHOLE] = now()


def next_response_time(body_received_at: float, moment: float) -> float:
    """The first beat that is not over, in seconds of the same clock; the first of all is one beat after the request."""
    return body_received_at + RESPONSE_DELAY_S * max(1, math.ceil((moment - body_received_at) / RESPONSE_DELAY_S))


async def delay_response(request: Request) -> None:
    """Waits for the next beat. To be called when everything else is done, and nothing is held."""
    moment = now()
    await wait_until(next_response_time(request.scope.get(_WHOLE, moment), moment))


async def wait_until(moment: float) -> None:
    """Until that moment of `now`, and hardly longer."""
    await asyncio.sleep(max(0.0, moment - now() - FINE_S))
    while now() < moment:  # noqa: ASYNC110 - nothing would wake it more exactly, and others have their turns
        await asyncio.sleep(0)
