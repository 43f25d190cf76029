"""Sends many kinds of requests to one API from a separate process: `python -m tests.infra.load.mixed_load`.

Reads one JSON line `Script` from standard input, writes the bodies of deposits into a file and answers "ready"; then
each line `Phase` sends requests and ends with "done". Its samples go to the script's results file, one JSON line each
(`Sample`).

A phase with rates is an open loop: the time of each request is drawn beforehand (a Poisson process), the server's
behaviour does not move it, and latency counts from it. A phase without is a closed loop of `at_once` requests.
"""

import asyncio
import dataclasses
import mmap
import random
import ssl
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

from tests.infra.load.documents import Person, Place, build_bodies
from tests.infra.records.depositing import Connection

DEPOSIT = "deposit"


@dataclass(frozen=True)
class Script:
    """The preparation: the API, and the number and patients of the documents.

    `authorities`: a file of those that certify the API, if it is asked over TLS. `host`: its name, unless its address.
    """

    url: str
    persons: list[int]
    deposits: int
    seed: int
    bodies: str
    results: str
    authorities: str = ""
    host: str = ""


@dataclass(frozen=True)
class Phase:
    """A phase of the load.

    `shares`: the share of each kind in all requests. `stages`: requests per second and seconds, one after another;
    without any, `at_once` requests for `seconds`. `requests`: by kind, lines of [method, path, token, content type,
    body, or the two bodies that take turns]; for deposits only the token.
    """

    shares: dict[str, float]
    requests: dict[str, list[Any]]
    start_at: float
    stages: list[tuple[float, float]] = field(default_factory=list)
    at_once: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Sample:
    """One request; times are Unix seconds. `status` 0: no answer. `says_when`: the answer has Retry-After."""

    kind: str
    due: float
    sent: float
    answered: float = 0.0
    status: int = 0
    says_when: bool = False


@dataclass(slots=True)
class Request:
    """A request; its `bodies` take turns each time one was accepted."""

    head: str
    bodies: deque[bytes | memoryview]
    once: bool = False


class Client(Connection):
    """A connection that notes whether the answer has Retry-After."""

    says_when = False

    def on_message_begin(self) -> None:
        self.says_when = False

    def on_header(self, name: bytes, _: bytes) -> None:
        self.says_when = self.says_when or name.lower() == b"retry-after"


class Supply:
    """The requests of one kind, in turn. An accepted request that counts once is not repeated while others are left."""

    head = ""
    """The head of all these requests, unless they have their own."""

    def __init__(self, requests: list[Request]) -> None:
        self._requests = deque(requests)
        self._spent: deque[Request] = deque()

    def take(self) -> Request | None:
        """Returns the next request; None while all are in progress."""
        if not self._requests:
            self._requests, self._spent = self._spent, self._requests
        return self._requests.popleft() if self._requests else None

    def give_back(self, request: Request, *, accepted: bool) -> None:
        """Takes back a request that was answered."""
        if accepted:
            request.bodies.rotate(-1)
        (self._spent if accepted and request.once else self._requests).append(request)


class Mixer:
    """Sends a phase's requests over kept connections."""

    def __init__(self, script: Script, deposits: list[memoryview]) -> None:
        place = urlsplit(script.url)
        self.host, self.port = str(place.hostname), int(place.port or 0)
        self.named = script.host or f"{self.host}:{self.port}"
        self.tls: dict[str, Any] = {}
        if script.authorities:
            context = ssl.create_default_context(cafile=script.authorities)
            self.tls = {"ssl": context, "server_hostname": script.host or self.host}
        self.kinds: list[str] = []
        self.shares: list[float] = []
        self.source = random.Random(script.seed)
        self.deposits = Supply([Request("", deque([body]), once=True) for body in deposits])
        self.idle: list[Client] = []
        self.samples: list[Sample] = []
        self.supplies: dict[str, Supply] = {}
        self.used_up = Counter[str]()

    async def run(self, phase: Phase) -> None:
        """Sends all requests of the phase and waits for the answers."""
        self.kinds, self.shares, self.samples = list(phase.shares), list(phase.shares.values()), []
        self.supplies = {kind: self._supply(kind, phase.requests[kind]) for kind in self.kinds}
        await asyncio.sleep(max(0.0, phase.start_at - time.time()))
        if not phase.stages:
            await asyncio.gather(
                *(self._one_after_another(phase.start_at + phase.seconds) for _ in range(phase.at_once))
            )
            return
        tasks = set()
        for due in self._times(phase):
            if (wait := due - time.time()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._send(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    def _times(self, phase: Phase) -> Iterator[float]:
        begins = phase.start_at
        for rate, seconds in phase.stages:
            due = begins + self.source.expovariate(rate)
            begins += seconds
            while due < begins:
                yield due
                due += self.source.expovariate(rate)

    async def _one_after_another(self, ends_at: float) -> None:
        while (now := time.time()) < ends_at:
            await self._send(now)

    async def _send(self, due: float) -> None:
        [kind] = self.source.choices(self.kinds, self.shares)
        request = self.supplies[kind].take()
        if request is None:
            self.used_up[kind] += 1
            return
        sample = Sample(kind, due, time.time())
        self.samples.append(sample)
        await self._ask(request.head or self.supplies[kind].head, request.bodies[0], sample)
        sample.answered = time.time()
        self.supplies[kind].give_back(request, accepted=200 <= sample.status < 300)

    async def _ask(self, head: str, body: bytes | memoryview, sample: Sample) -> None:
        try:
            client = await self._client()
            sample.status, _ = await client.ask(f"{head}content-length: {len(body)}\r\n\r\n".encode(), body)
        except (OSError, TimeoutError):
            return
        sample.says_when = client.says_when
        if client.usable:
            self.idle.append(client)

    async def _client(self) -> Client:
        while self.idle:
            if (client := self.idle.pop()).usable:
                return client
        async with asyncio.timeout(5):
            _, made = await asyncio.get_running_loop().create_connection(Client, self.host, self.port, **self.tls)
        return made

    def _supply(self, kind: str, lines: list[Any]) -> Supply:
        if kind == DEPOSIT:
            self.deposits.head = self._head("POST", "/fhir", lines[0], "application/fhir+json")
            return self.deposits
        return Supply(
            [
                Request(self._head(method, path, token, content_type), deque(body.encode() for body in bodies))
                for method, path, token, content_type, bodies in lines
            ]
        )

    def _head(self, method: str, path: str, token: str, content_type: str) -> str:
        return f"{method} {path} HTTP/1.1\r\nhost: {self.named}\r\nauthorization: Bearer {token}\r\n" + (
            f"content-type: {content_type}\r\n" if content_type else ""
        )


def say(**what: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(what) + b"\n")
    sys.stdout.buffer.flush()


async def obey(script: Script, deposits: list[memoryview], read: Callable[[], bytes]) -> None:
    """Runs one phase after another."""
    mixer = Mixer(script, deposits)
    while line := await asyncio.to_thread(read):
        cpu = time.process_time()
        await mixer.run(Phase(**orjson.loads(line)))
        spent = time.process_time() - cpu
        await asyncio.to_thread(_write, Path(script.results), mixer.samples)
        say(event="done", cpu=spent, used_up=mixer.used_up)
        for client in mixer.idle:
            client.close()
        mixer.idle.clear()


def _write(path: Path, samples: list[Sample]) -> None:
    with path.open("wb") as file:
        for sample in samples:
            file.write(orjson.dumps(dataclasses.asdict(sample)) + b"\n")


def main() -> None:
    script = Script(**orjson.loads(sys.stdin.buffer.readline()))
    persons = [Person(number) for number in script.persons]
    places: list[Place] = list(build_bodies(Path(script.bodies), persons, script.deposits, script.seed))
    with Path(script.bodies).open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    say(event="ready")
    deposits = [view[place.start : place.start + place.length] for place in places]
    uvloop.run(obey(script, deposits, sys.stdin.buffer.readline))


if __name__ == "__main__":
    main()
