"""A hospital that deposits without pause, and every answer that the APIs give meanwhile."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.infra.load.documents import Place
from tests.infra.records.depositing import Result
from tests.infra.records.hospital import Software, token_of

TOKEN_KEPT_S = 120.0
ANSWER_WITHIN_S = 60.0
POLL_INTERVAL_S = 1.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
ACCEPTED = (200, 201)
DOCUMENT = re.compile(rb"DocumentReference/([0-9a-f-]{36})")


@dataclass(frozen=True)
class Answer:
    """One answer; `status` 0: none, `problem` says why. Times are Unix seconds."""

    question: str
    asked_at: float
    seconds: float
    status: int
    is_json: bool = False
    has_retry_after: bool = False
    problem: str = ""


@dataclass
class Hospital:
    """Deposits bodies at `/fhir` like a real pipeline: the same bytes again, with back-off, until accepted."""

    client: httpx2.AsyncClient
    identity: str
    records: str
    software: Software
    bodies: Path
    places: Sequence[Place]
    answers: list[Answer] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    _token: str = ""
    _token_at: float = 0.0
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def deposit_until(self, over: asyncio.Event, at_once: int, pause_s: float) -> None:
        """Makes `at_once` deposits at a time, with pauses, until `over` is set and each has been accepted."""
        places = iter(enumerate(self.places))

        async def one_after_another() -> None:
            while not over.is_set() and (numbered := next(places, None)) is not None:
                await self._deposit(*numbered)
                await asyncio.sleep(pause_s)

        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._watch_readiness())
            await asyncio.gather(*(one_after_another() for _ in range(at_once)))
            looking.cancel()

    async def _deposit(self, index: int, place: Place) -> None:
        body = await asyncio.to_thread(self._read, place)
        result = Result(index, place.person, place.content, time.time())
        self.results.append(result)
        delay = FIRST_WAIT_S
        while result.status not in ACCEPTED:
            headers = {"authorization": f"Bearer {await self._fresh_token()}", "content-type": "application/fhir+json"}
            answer, text = await self._ask("deposit", "POST", f"{self.records}/fhir", headers, body)
            result.status, result.answered, result.tries = answer.status, time.time(), result.tries + 1
            if answer.status in ACCEPTED:
                match = DOCUMENT.search(text)
                result.document_id = match[1].decode() if match else None
                return
            result.problem = answer.problem
            if answer.status == 401:
                self._token_at = 0.0
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_WAIT_S)

    async def _watch_readiness(self) -> None:
        while True:
            await self._ask("readiness", "GET", f"{self.records}/readyz", {}, None)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def _ask(
        self, question: str, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[Answer, bytes]:
        asked_at = time.time()
        try:
            answer = await self.client.request(method, url, headers=headers, content=body)
        except httpx2.TransportError as error:
            noted = Answer(question, asked_at, time.time() - asked_at, 0, problem=type(error).__name__)
            self.answers.append(noted)
            return noted, b""
        is_json = "json" in answer.headers.get("content-type", "")
        problem = "" if answer.status_code < 400 else answer.text[:200]
        seconds, retry_after = time.time() - asked_at, "retry-after" in answer.headers
        noted = Answer(question, asked_at, seconds, answer.status_code, is_json, retry_after, problem)
        self.answers.append(noted)
        return noted, answer.content

    async def _fresh_token(self) -> str:
        """Returns a recent token; the old one while identity is unavailable."""
        async with self._renewing:
            while not self._token or time.time() - self._token_at > TOKEN_KEPT_S:
                with contextlib.suppress(httpx2.TransportError, RuntimeError):
                    self._token = await token_of(self.client, self.identity, self.software)
                    self._token_at = time.time()
                    break
                if self._token:
                    break
                await asyncio.sleep(POLL_INTERVAL_S)
        return self._token

    def _read(self, place: Place) -> bytes:
        with self.bodies.open("rb") as file:
            file.seek(place.start)
            return file.read(place.length)


def count_by_status(answers: Sequence[Answer]) -> str:
    """Returns the counts as text for a table: `201: 40, 503: 7, none (ReadTimeout): 1`."""
    counts = Counter(str(answer.status) if answer.status else f"none ({answer.problem})" for answer in answers)
    return ", ".join(f"{status}: {count}" for status, count in sorted(counts.items())) or "-"
