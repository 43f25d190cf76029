"""Refusals that hide existence are answered after a fixed delay, so that response times tell nothing.

Refusing a document costs a ledger entry and a flush; a document that does not exist costs neither. Both answers leave
at the next multiple of RESPONSE_DELAY_S after the request's body was complete, so a client that sends its body slowly
gains nothing. The answer waits without a transaction or a connection. Under load an answer that is late leaves one step
later.
"""

import asyncio
import math
import time
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from shared.http.admission import idle

RESPONSE_DELAY_S: Final = 0.1
"""Many times what a refusal takes on an idle machine (3 to 8 ms), so that a busy machine seldom exceeds it; a person
hardly notices it."""
FINE_S: Final = 0.001
"""Timers of the event loop are exact to a millisecond only, which would tell how long the work took. The last stretch
is waited by yielding to the loop again and again."""
_WHOLE: Final = "dmp.whole_at"
now = time.perf_counter


def mark_body_received(scope: Scope) -> None:
    """Notes that the request has been received up to now; called for its head and for each part of its body."""
    scope[_WHOLE] = now()


def next_response_time(body_received_at: float, moment: float) -> float:
    """Returns the next multiple of the delay after the request, in seconds of `now`; one delay at least."""
    return body_received_at + RESPONSE_DELAY_S * max(1, math.ceil((moment - body_received_at) / RESPONSE_DELAY_S))


async def delay_response(request: Request) -> None:
    """Waits until the next response time. Call it when everything else is done and no connection is held."""
    moment = now()
    with idle():
        await wait_until(next_response_time(request.scope.get(_WHOLE, moment), moment))


async def wait_until(moment: float) -> None:
    """Waits until that moment of `now`, and hardly longer."""
    await asyncio.sleep(max(0.0, moment - now() - FINE_S))
    while now() < moment:  # noqa: ASYNC110 - no event would end the wait more exactly, and other tasks run meanwhile
        await asyncio.sleep(0)
