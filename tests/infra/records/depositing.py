"""A hospital's depositing software as a separate process: `python -m tests.infra.records.depositing`.

Reads one JSON line `Order` from standard input, writes the bodies into a file, answers `{"event": "ready"}`; then each
line `Run` deposits some of them and ends with `{"event": "done"}`. In between it writes `{"event": "progress"}` lines.
The result of each deposit is written to `results`, one JSON line each (`Result`).

With a rate, the times are fixed beforehand and latencies are measured from them (open loop: a slow server does not slow
the clock); without, `at_once` deposits are in progress at any time. With `persist` it behaves like a real pipeline: it
sends the bytes again, with back-off, after connection errors, time-outs and 5xx, until the answer is 200 or 201.
"""

import asyncio
import dataclasses
import mmap
import random
import re
import ssl
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import httptools
import orjson
import uvloop
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.infra.load.documents import Person, Place, build_bodies

ANSWER_WITHIN_S = 30.0
TOKEN_KEPT_S = 120.0
PROGRESS_S = 0.5
_DOCUMENT = re.compile(rb"DocumentReference/([0-9a-f-]{36})")
_RETRIED = frozenset({0, 401, 408, 425, 429})


@dataclass(frozen=True)
class Order:
    """The bodies to prepare, and the paths of the token and the files.

    `authorities`: the PEM file of those that certify servers of https URLs.
    """

    token_url: str
    client_id: str
    jwk: dict[str, Any]
    persons: list[int]
    count: int
    seed: int
    bodies: str
    results: str
    authorities: str | None = None


@dataclass(frozen=True)
class Run:
    """Deposits the bodies from `first` to `first + count` to `url`, from `start_at` (Unix seconds) on, for at most
    `seconds`."""

    url: str
    first: int
    count: int
    start_at: float
    rate: float | None = None
    seconds: float | None = None
    at_once: int = 16
    persist: bool = False


@dataclass
class Result:
    """The result of one deposit; times are Unix seconds. `status` 0: no answer."""

    index: int
    person: int
    size: int
    scheduled: float
    answered: float = 0.0
    status: int = 0
    tries: int = 0
    document_id: str | None = None
    problem: str | None = None


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class does not derive from asyncio.Transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(str(error)))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))
        self._body.clear()
        self.usable = self.usable and self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionError("closed"))

    async def ask(self, head: bytes, body: bytes | memoryview) -> tuple[int, bytes]:
        """Sends one request and returns status and body. Raises OSError or TimeoutError."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head)
        self._transport.write(body)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await self._answer
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection for further requests."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error if isinstance(error, OSError) else ConnectionError(str(error)))


class Server:
    """Persistent connections to one address."""

    def __init__(self, url: str, authorities: str | None = None) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        is_https = place.scheme == "https"
        self.host, self.port, self.path = place.hostname, place.port or (443 if is_https else 80), place.path
        self._tls = ssl.create_default_context(cafile=authorities) if is_https else None
        self._idle: list[Connection] = []

    async def post(self, headers: str, body: bytes | memoryview) -> tuple[int, bytes]:
        """Sends a POST and returns status and body; the status is 0 when there was no answer."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\ncontent-length: {len(body)}\r\n"
            f"{headers}\r\n"
        ).encode()
        try:
            connection = await self._connection()
            answer = await connection.ask(head, body)
        except (OSError, TimeoutError) as error:
            return 0, type(error).__name__.encode()
        if connection.usable:
            self._idle.append(connection)
        return answer

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            _, made = await loop.create_connection(Connection, self.host, self.port, ssl=self._tls)
        return made

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class Login:
    """The access token of the software, requested again well before it expires."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._key = ECKey.import_key(order.jwk)
        self._server = Server(order.token_url, order.authorities)
        self._token, self._asked_at = "", 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Returns a token that is valid for some time; the old one while identity cannot be reached."""
        if time.monotonic() - self._asked_at > TOKEN_KEPT_S or not self._token:
            async with self._asking:
                if time.monotonic() - self._asked_at > TOKEN_KEPT_S or not self._token:
                    await self._ask()
        return self._token

    def forget(self) -> None:
        """Drops a token that was refused."""
        self._asked_at = 0.0

    async def _ask(self) -> None:
        now = int(time.time())
        claims = {
            "iss": self._order.client_id,
            "sub": self._order.client_id,
            "aud": self._order.token_url,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256", "kid": str(self._key.kid)}, claims, self._key),
            "scope": "documents.deposit",
        }
        headers = "content-type: application/x-www-form-urlencoded\r\n"
        status, body = await self._server.post(headers, urlencode(form).encode())
        if status == 200:
            self._token, self._asked_at = str(orjson.loads(body)["access_token"]), time.monotonic()
        elif self._token:
            self._asked_at = time.monotonic() - TOKEN_KEPT_S + 1  # again in a second
        else:
            await asyncio.sleep(0.2)


@dataclass
class Depositor:
    """Deposits prepared bodies and collects the results."""

    order: Order
    places: list[Place]
    view: memoryview
    login: Login
    server: Server
    results: list[Result] = field(default_factory=list)
    under_way: int = 0
    retries: int = 0

    async def run(self, run: Run) -> None:
        """Makes all deposits of the run; returns when each is answered or given up."""
        await self.login.token()
        await asyncio.sleep(max(0.0, run.start_at - time.time()))
        if run.rate is not None:
            await self._at_rate(run, run.rate)
        else:
            await self._as_fast_as_it_goes(run)

    async def _at_rate(self, run: Run, rate: float) -> None:
        tasks = set()
        for number in range(run.count):
            scheduled = run.start_at + number / rate
            if run.seconds is not None and scheduled >= run.start_at + run.seconds:
                break
            if (wait := scheduled - time.time()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._deposit(run.first + number, scheduled, run.persist))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def _as_fast_as_it_goes(self, run: Run) -> None:
        numbers = iter(range(run.count))
        ends_at = run.start_at + (run.seconds or float("inf"))

        async def one_after_another() -> None:
            while time.time() < ends_at and (number := next(numbers, None)) is not None:
                await self._deposit(run.first + number, time.time(), run.persist)

        await asyncio.gather(*(one_after_another() for _ in range(run.at_once)))

    async def _deposit(self, index: int, scheduled: float, persist: bool) -> None:
        place = self.places[index]
        result = Result(index, self.order.persons[place.person], place.content, scheduled)
        self.results.append(result)
        self.under_way += 1
        body = self.view[place.start : place.start + place.length]
        delay = 0.1
        while True:
            await self._try(result, body)
            if not persist or not (result.status in _RETRIED or result.status >= 500):
                break
            self.retries += 1
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(delay * 2, 2.0)
        self.under_way -= 1

    async def _try(self, result: Result, body: memoryview) -> None:
        headers = f"content-type: application/fhir+json\r\nauthorization: Bearer {await self.login.token()}\r\n"
        result.status, answer = await self.server.post(headers, body)
        result.answered = time.time()
        result.tries += 1
        if result.status in (200, 201):
            match = _DOCUMENT.search(answer)
            result.document_id = match[1].decode() if match else None
        else:
            result.problem = answer[:300].decode("utf-8", "replace")
        if result.status == 401:
            self.login.forget()


def write_line(**fields: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(fields) + b"\n")
    sys.stdout.buffer.flush()


def build(order: Order) -> list[Place]:
    """Writes all bodies and reports the progress."""
    persons, places = [Person(number) for number in order.persons], []
    reported_at = time.monotonic()
    for place in build_bodies(Path(order.bodies), persons, order.count, order.seed):
        places.append(place)
        if time.monotonic() - reported_at > PROGRESS_S:
            reported_at = time.monotonic()
            write_line(event="progress", built=len(places))
    return places


async def run_all(order: Order, places: list[Place], view: memoryview, read: Callable[[], bytes]) -> None:
    """Makes one run after another."""
    login = Login(order)
    while line := await asyncio.to_thread(read):
        run = Run(**orjson.loads(line))
        depositor = Depositor(order, places, view, login, Server(run.url, order.authorities))
        cpu = time.process_time()
        progress = asyncio.create_task(report_progress(depositor))
        try:
            await depositor.run(run)
        finally:
            progress.cancel()
            depositor.server.close()
        await asyncio.to_thread(write_results, Path(order.results), depositor.results)
        write_line(event="done", count=len(depositor.results), retries=depositor.retries, cpu=time.process_time() - cpu)


async def report_progress(depositor: Depositor) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        answered = len(depositor.results) - depositor.under_way
        write_line(event="progress", answered=answered, under_way=depositor.under_way, retries=depositor.retries)


def write_results(path: Path, results: list[Result]) -> None:
    with path.open("wb") as file:
        for result in results:
            file.write(orjson.dumps(dataclasses.asdict(result)) + b"\n")


def main() -> None:
    order = Order(**orjson.loads(sys.stdin.buffer.readline()))
    places = build(order)
    write_line(event="ready", count=len(places))
    with Path(order.bodies).open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    uvloop.run(run_all(order, places, view, sys.stdin.buffer.readline))


if __name__ == "__main__":
    main()
