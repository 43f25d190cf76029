"""A hospital of a running Stack: opens records for invented persons, and runs its depositing software as a process."""

import asyncio
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID, uuid4

import asyncpg
import httpx2
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.platform.databases import app_dsn
from deploy.local.platform.paths import REPOSITORY
from deploy.local.platform.stack import Stack
from services.identity.clients.domain.clients import new_client
from services.identity.clients.usecases.register_client import register_client
from tests.infra.load.documents import CLINIC, ORGANISATION, Person
from tests.infra.records.depositing import Order, Result, Run

_LAUNCHER = REPOSITORY / "deploy" / "local" / "platform" / "launch.py"
_KILLED, _NOBODY_ELSE = "9", "-1"
_AT_ONCE = 8
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Software:
    """Registered software: its id and its private key."""

    client_id: str
    key: ECKey


def new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": uuid4().hex})


async def token_of(client: httpx2.AsyncClient, issuer: str, software: Software) -> str:
    """Returns an access token with all scopes of the client (RFC 7523)."""
    now, url = int(time.time()), f"{issuer}/oauth/token"
    claims = {"iss": software.client_id, "sub": software.client_id, "aud": url, "exp": now + 60, "jti": uuid4().hex}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": str(software.key.kid)}, claims, software.key),
    }
    answer = await client.post(
        url, content=urlencode(form), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    return str(_checked(answer)["access_token"])


class Hospital:
    """A structure with its software, and an administrator who opens records."""

    def __init__(self, stack: Stack, trust: ssl.SSLContext | None = None) -> None:
        """`trust`: the authorities of APIs that speak TLS."""
        self._stack = stack
        self._client = httpx2.AsyncClient(timeout=30, trust_env=False, verify=trust or True)
        self._issuer = stack.url("identity")
        self._headers: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def register(self, name: str = "DPI", client_class: str = "interactive") -> Software:
        """Enters the structure in the directory and registers software of it, whose requests may wait if it is bulk."""
        if not self._headers:
            administrator = await self._administrator()
            self._headers = {"authorization": f"Bearer {await token_of(self._client, self._issuer, administrator)}"}
        url = f"{self._issuer}/structures/{ORGANISATION}"
        _checked(await self._client.put(url, json={"name": CLINIC}, headers=self._headers))
        key = new_key()
        body = {
            "name": f"{CLINIC}, {name}",
            "kind": "software",
            "scopes": ["documents.deposit"],
            "keys": [key.as_dict(private=False)],
            "organisation_id": ORGANISATION,
        }
        answer = await self._client.post(f"{self._issuer}/clients", json=body, headers=self._headers)
        software = Software(_checked(answer)["client_id"], key)
        messaging = {"certificates": [], "applications": [], "client_class": client_class}
        url = f"{self._issuer}/clients/{software.client_id}/messaging"
        _checked(await self._client.put(url, json=messaging, headers=self._headers))
        return software

    async def open_records(self, count: int, tell: Tell) -> list[Person]:
        """Opens records for `count` persons. Returns them when the records are in force."""
        numbers = iter(range(count))
        opened: list[Person] = []

        async def one_after_another() -> None:
            for number in numbers:
                person = Person(number)
                headers = {**self._headers, "prefer": "wait=10"}
                url = f"{self._issuer}/records"
                record = _checked(await self._client.post(url, json=person.opening, headers=headers))
                url = f"{url}/{record['record_id']}"
                while record["status"] != "in-force":
                    record = _checked(await self._client.get(url, headers=headers))
                opened.append(Person(number, UUID(record["record_id"])))
                if len(opened) % 50 == 0:
                    tell(f"records opened: {len(opened)} of {count}")

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(one_after_another())
        return sorted(opened, key=lambda person: person.number)

    async def _administrator(self) -> Software:
        """Registers the first client of an installation in identity's database, as the command line does."""
        key = new_key()
        connection = await asyncpg.connect(app_dsn(self._stack.postgres, self._stack.secrets, "identity"))
        try:
            scopes = ["records.open", "directory.write", "clients.write", "operations"]
            client = new_client("load administrator", "administrator", scopes, [key.as_dict(private=False)])
            registered = await register_client(connection, client)
        finally:
            await connection.close()
        return Software(registered.client_id, key)


def _checked(answer: httpx2.Response) -> Any:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
    return answer.json()


class Depositing:
    """The process of tests.infra.records.depositing, which receives orders and reports its progress."""

    def __init__(self, process: asyncio.subprocess.Process, results: Path) -> None:
        self._process = process
        self._results = results

    @property
    def pid(self) -> int:
        return self._process.pid

    async def prepare(self, order: Order, tell: Tell) -> None:
        """Lets the process build the bodies of its deposits."""
        await self._say(asdict(order))
        await self._until("ready", lambda news: tell(f"bodies built: {news['built']} of {order.count}"))

    async def run(self, run: Run, tell: Tell) -> tuple[list[Result], dict[str, Any]]:
        """Lets the process deposit. Returns the results in the order of the bodies, and the process's statistics.

        The statistics are "cpu", "retries" and "count".
        """
        await self._say(asdict(run))

        def report(news: dict[str, Any]) -> None:
            retries = f", retries {news['retries']}" if run.persist else ""
            tell(f"answered: {news['answered']}, under way: {news['under_way']}{retries}")

        done = await self._until("done", report)
        lines = await asyncio.to_thread(lambda: self._results.read_bytes().splitlines())
        results = [Result(**orjson.loads(line)) for line in lines]
        return sorted(results, key=lambda result: result.index), done

    async def _say(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(what) + b"\n")
        await self._process.stdin.drain()

    async def _until(self, event: str, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            news: dict[str, Any] = orjson.loads(line)
            if news["event"] == event:
                return news
            report(news)
        raise RuntimeError(f"the depositing process ended ({await self._process.wait()})")


@asynccontextmanager
async def depositing(results: Path) -> AsyncIterator[Depositing]:
    """Runs the process for the duration of the block; it dies with this process."""
    process = await launch(
        "tests.infra.records.depositing", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Depositing(process, results)
    finally:
        await end(process)


async def launch(module: str, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
    """Runs a Python module as a process that dies with this process and receives no Ctrl-C from the terminal."""
    ties = (str(os.getpid()), _KILLED, _NOBODY_ELSE, _NOBODY_ELSE)
    command = (sys.executable, "-I", "-S", str(_LAUNCHER), *ties, sys.executable, "-m", module, *arguments)
    return await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, start_new_session=True, **options)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kills the process."""
    if process.returncode is None:
        process.kill()
    await process.wait()
