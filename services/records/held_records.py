"""Requests about a record whose row somebody holds wait without a connection, so that those about others are answered.

Copies are applied and labels changed under the record's row. Where that takes long, each request that waited inside the
database would keep a connection of the pool, and a few readers of one record would keep out everybody else.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import asyncpg

from shared.errors import UncheckableError
from shared.http.admission import idle
from shared.runtime.metrics import RECORDS_HELD

P = ParamSpec("P")
T = TypeVar("T")
LONGEST_WAIT_S: Final = 2.0
PAUSES_S: Final = (0.01, 0.03)


def retried_while_held(use_case: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The use case, begun anew while it finds the row taken. It must take that row before it does anything else.

    Raises UncheckableError after 2 s, which tells nothing of whether a record is there.
    """

    @wraps(use_case)
    async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        deadline = asyncio.get_running_loop().time() + LONGEST_WAIT_S
        with ExitStack() as waiting:
            while True:
                try:
                    return await use_case(*args, **kwargs)
                except asyncpg.LockNotAvailableError as error:
                    RECORDS_HELD.inc()
                    if asyncio.get_running_loop().time() > deadline:
                        raise UncheckableError from error
                waiting.enter_context(idle())  # until the end: its further tries must keep out nobody else either
                await asyncio.sleep(random.uniform(*PAUSES_S))

    return retried
