"""Every database error has a class, every API answers it in its own format, and it is logged once a minute."""

import inspect
import time
from typing import Any

import asyncpg
import orjson
import pytest
from asyncpg import exceptions
from starlette.types import Message, Receive, Scope, Send

from services.records.kit.operation_outcomes import render as render_records
from shared.db.errors import ERROR_CLASSES, ErrorClass, classify_error, is_transient
from shared.db.pool import NoConnectionError
from shared.errors import PermanentError, TransientError
from shared.http.error_boundary import ErrorBoundary
from shared.http.outcomes import render as render_fhir
from shared.http.problems import Renderer, problem
from shared.runtime import logs

CLASSES = [
    error
    for error in vars(exceptions).values()
    if inspect.isclass(error) and issubclass(error, asyncpg.PostgresError) and error.sqlstate
]
WAIT, ALARM, BUG = ErrorClass.WAIT, ErrorClass.ALARM, ErrorClass.BUG


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_limits", {})


def test_every_class_of_sqlstate_that_the_driver_knows_is_in_the_table() -> None:
    assert len(CLASSES) > 200
    assert {error.sqlstate[:2] for error in CLASSES} <= ERROR_CLASSES.keys()


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (asyncpg.DiskFullError, WAIT),
        (asyncpg.OutOfMemoryError, WAIT),
        (asyncpg.TooManyConnectionsError, WAIT),
        (asyncpg.ConfigurationLimitExceededError, WAIT),
        (asyncpg.ReadOnlySQLTransactionError, WAIT),
        (asyncpg.TransactionTimeoutError, WAIT),
        (asyncpg.IdleInTransactionSessionTimeoutError, WAIT),
        (asyncpg.InFailedSQLTransactionError, BUG),
        (asyncpg.LockNotAvailableError, WAIT),
        (asyncpg.DeadlockDetectedError, WAIT),
        (asyncpg.TransactionIntegrityConstraintViolationError, BUG),
        (asyncpg.QueryCanceledError, WAIT),
        (asyncpg.AdminShutdownError, WAIT),
        (asyncpg.CannotConnectNowError, WAIT),
        (asyncpg.PostgresIOError, WAIT),
        (asyncpg.UndefinedFileError, ALARM),
        (asyncpg.InternalServerError, WAIT),
        (asyncpg.DataCorruptedError, ALARM),
        (asyncpg.IndexCorruptedError, ALARM),
        (asyncpg.ConnectionDoesNotExistError, WAIT),
        (asyncpg.InvalidPasswordError, WAIT),
        (asyncpg.InvalidCatalogNameError, WAIT),
        (asyncpg.InvalidCachedStatementError, WAIT),
        (asyncpg.FeatureNotSupportedError, BUG),
        (asyncpg.CheckViolationError, BUG),
        (asyncpg.UndefinedTableError, BUG),
        (asyncpg.InsufficientPrivilegeError, BUG),
        (asyncpg.InterfaceError, WAIT),
        (asyncpg.InternalClientError, WAIT),
        (asyncpg.ClientConfigurationError, BUG),
        (asyncpg.UnsupportedClientFeatureError, BUG),
        (ConnectionResetError, WAIT),
        (TimeoutError, WAIT),
        (NoConnectionError, WAIT),
        (TransientError, WAIT),
        (PermanentError, BUG),
        (KeyError, BUG),
        (ValueError, BUG),
    ],
)
def test_an_error_has_the_fate_of_its_kind(error: type[Exception], fate: ErrorClass) -> None:
    assert classify_error(error("x")) is fate
    assert is_transient(error("x")) is (fate is not ErrorClass.BUG)


def test_an_error_that_the_driver_has_no_class_for_is_known_by_its_class() -> None:
    for sqlstate, expected in (("53999", ErrorClass.WAIT), ("QQ000", ErrorClass.BUG)):
        unknown = type("NewError", (exceptions.UnknownPostgresError,), {"sqlstate": sqlstate})
        assert classify_error(unknown("x")) is expected


async def answer(error: Exception, render: Renderer, path: str, *, begun: bool = False) -> list[Message]:
    """Returns the messages sent when an app raises this error, before its answer or in the middle of it."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise error

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await ErrorBoundary(app, render=render, body_limit=100)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("render", "path"), [(problem, "/records"), (render_fhir, "/fhir/Consent"), (render_records, "/fhir/Binary/1")]
)
async def test_every_database_error_is_answered_in_the_form_of_the_api(render: Renderer, path: str) -> None:
    for kind in CLASSES:
        start, body = await answer(kind("secret"), render, path)
        headers = dict(start["headers"])
        content = orjson.loads(body["body"])
        if path == "/records":
            assert headers[b"content-type"] == b"application/problem+json"
            code = content["code"]
        else:
            assert headers[b"content-type"].startswith(b"application/fhir+json")
            code = content["issue"][0]["details"]["coding"][0]["code"]
        expected = (503, "unavailable") if is_transient(kind("x")) else (500, "internal")
        assert (start["status"], code) == expected, kind.__name__
        assert (b"retry-after" in headers) is is_transient(kind("x"))
        assert b"secret" not in body["body"]


async def test_an_answer_that_has_begun_stays_unfinished_and_nothing_is_put_behind_it() -> None:
    sent = await answer(asyncpg.DiskFullError("x"), problem, "/records", begun=True)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"], "the server closes the connection: the caller sees that something is missing"


async def test_the_log_says_once_a_minute_what_thousands_of_requests_fail_of(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(logs, "log", lambda event, **fields: lines.append((event, fields)))
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for _ in range(1000):
        await answer(asyncpg.DiskFullError("x"), problem, "/records")
    await answer(asyncpg.IndexCorruptedError("x"), problem, "/records")
    assert [event for event, _ in lines] == ["request.failed", "request.failed", "database.damaged"]
    clock[0] += 61
    await answer(asyncpg.DiskFullError("x"), problem, "/records")
    assert lines[-1][1]["left_out"] == 999
