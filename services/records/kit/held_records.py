"""Requests about a record whose row is locked wait outside the database, so that other requests find a connection.

Copies are applied and labels are changed under a lock on the record's row. If requests waited for this lock inside the
database, each would keep a connection of the pool, and a few readers of one record would block all other readers.
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


def retry_while_locked(use_case: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Decorates a use case: begins it again while the record's row is locked. It must lock that row first of all.

    Raises UncheckableError after 2 s, whether or not there is such a record.
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
