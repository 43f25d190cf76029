"""Classifies database errors in one table, which the APIs and the consumers share.

A SQLSTATE has two characters of class and three for the condition (PostgreSQL manual, appendix A). The entry of the
whole SQLSTATE decides, else that of its class. A class that is not in the table counts as a bug of ours.
"""

import ssl
from enum import StrEnum
from typing import Final

import asyncpg

from shared.errors import TransientError


class ErrorClass(StrEnum):
    """The reaction to an error."""

    WAIT = "wait"
    """It may pass without intervention: an API answers 503 with Retry-After, a consumer retries the batch."""
    ALARM = "alarm"
    """It passes when an operator has repaired the database: handled like WAIT, and logged as `database.damaged`."""
    BUG = "bug"
    """The same attempt fails again: an API answers 500, a consumer makes a dead letter of the message."""


_BUGS: Final = (
    *("03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "24", "26", "27", "2B", "2D", "2F", "34"),
    "22",  # a value that a column cannot hold
    "23",  # a constraint that our code does not handle by name
    "25",  # a statement at the wrong moment of a transaction
    *("38", "39", "3B", "3D", "3F", "44", "HV"),
    "42",  # wrong SQL, a missing table or a missing grant
    "54",  # a statement or a row that is too large
    "55",  # an object that is not in the state that the statement needs
    "P0",  # raised by a function of ours
)
ERROR_CLASSES: Final[dict[str, ErrorClass]] = {
    **dict.fromkeys(_BUGS, ErrorClass.BUG),
    "08": ErrorClass.WAIT,  # connection exceptions
    "25006": ErrorClass.WAIT,  # read-only transaction: this server is a standby since a failover
    "25P03": ErrorClass.WAIT,  # idle-in-transaction time-out
    "25P04": ErrorClass.WAIT,  # transaction time-out
    "28": ErrorClass.WAIT,  # login refused: a password is being changed, or a role does not exist yet
    "3D000": ErrorClass.WAIT,  # no such database: it is being restored
    "40": ErrorClass.WAIT,  # serialisation, deadlock
    "40002": ErrorClass.BUG,  # integrity constraint at the commit
    "53": ErrorClass.WAIT,  # disk full, out of memory, too many connections, configuration limit
    "55006": ErrorClass.WAIT,  # object in use
    "55P03": ErrorClass.WAIT,  # lock not available
    "57": ErrorClass.WAIT,  # statement time-out, shutdown, crash, starting up, database dropped
    "58": ErrorClass.WAIT,  # errors outside PostgreSQL: input and output
    "58P01": ErrorClass.ALARM,  # a file of the database is missing
    "58P02": ErrorClass.ALARM,  # a file of the database exists twice
    "72": ErrorClass.WAIT,  # snapshot too old
    "F0": ErrorClass.WAIT,  # configuration file: the server is being set up
    "XX": ErrorClass.WAIT,  # internal error
    "XX001": ErrorClass.ALARM,  # data corrupted
    "XX002": ErrorClass.ALARM,  # index corrupted
}
_BUGS_OF_THE_CLIENT = (ValueError, asyncpg.UnsupportedClientFeatureError, asyncpg.UnsupportedServerFeatureError)
_PASSING = (
    OSError,
    TimeoutError,
    TransientError,
    asyncpg.InterfaceError,  # the connection or the pool was closed
    asyncpg.InternalClientError,  # raised by the driver when the server ends the session
    asyncpg.InvalidCachedStatementError,  # a migration has changed a table; the next attempt prepares anew
)
DATABASE_ERRORS: Final = (*_PASSING, asyncpg.PostgresError)
"""Every class of error that the use of a database raises, for `except`. `classify_error` then distinguishes them."""


def classify_error(error: BaseException) -> ErrorClass:
    """Returns the class of any error, including errors that do not come from a database."""
    if isinstance(error, ssl.SSLError):  # one of them is a ValueError: the server is not verified, no message is wrong
        return ErrorClass.WAIT
    if isinstance(error, _BUGS_OF_THE_CLIENT):  # some are InterfaceErrors as well: a wrong argument
        return ErrorClass.BUG
    if isinstance(error, _PASSING):
        return ErrorClass.WAIT
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return next(
            (ERROR_CLASSES[state[:length]] for length in (5, 2) if state[:length] in ERROR_CLASSES), ErrorClass.BUG
        )
    return ErrorClass.BUG


def is_transient(error: BaseException) -> bool:
    """Whether the same attempt may succeed later."""
    return classify_error(error) is not ErrorClass.BUG
