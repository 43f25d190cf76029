"""Delays refusals that hide existence to fixed moments, so that response times reveal nothing.

Refusing a document costs a ledger entry and a flush; a document that does not exist costs neither. Both answers leave
at the next multiple of RESPONSE_DELAY_S after the request's body was complete, so a client that sends its body slowly
gains nothing. The answer waits without a transaction or a connection. Under load a late answer leaves one step later.
"""

import asyncio
import math
import time
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from shared.http.admission import idle

RESPONSE_DELAY_S: Final = 0.1
"""Many times the duration of a refusal on an idle machine (3 to 8 ms), so that even a busy machine seldom exceeds
it; people hardly notice it."""
FINE_S: Final = 0.001
"""Event loop timers are exact only to a millisecond, which would reveal how long the work took. The last stretch is
therefore waited by yielding to the loop repeatedly."""
_WHOLE: Final = "dmp.whole_at"
now = time.perf_counter


def mark_body_received(scope: Scope) -> None:
    """Stores the time up to which the request has arrived; called for its head and for each part of its body."""
    scope[_WHOLE] = now()


def next_response_time(body_received_at: float, moment: float) -> float:
    """Returns the next multiple of the delay after the request, in seconds of `now`; at least one delay."""
    return body_received_at + RESPONSE_DELAY_S * max(1, math.ceil((moment - body_received_at) / RESPONSE_DELAY_S))


async def delay_response(request: Request) -> None:
    """Waits until the next response time. Call it when everything else is done and no connection is held."""
    moment = now()
    with idle():
        await wait_until(next_response_time(request.scope.get(_WHOLE, moment), moment))


async def wait_until(moment: float) -> None:
    """Waits until that moment of `now`, with an error far below a millisecond."""
    await asyncio.sleep(max(0.0, moment - now() - FINE_S))
    while now() < moment:  # noqa: ASYNC110 - no event would end the wait more exactly, and other tasks run meanwhile
        await asyncio.sleep(0)
