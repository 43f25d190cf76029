"""Runs a service's command as an operator does, with the settings in the environment."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.infra.audit.keys import SIGNATURES
from tests.infra.http.tokens import ISSUER
from tests.infra.identity.identity_api import RECEIPTS, SIGNING
from tests.infra.platform.databases import Database

ROOT = Path(__file__).parents[3]
_COMMON = {
    "KAFKA__BOOTSTRAP": "127.0.0.1:1",
    "TOKENS__ISSUER": ISSUER,
    "TOKENS__JWKS_URL": "https://identity.test/.well-known/jwks.json",
}
NO_CHANGES: Mapping[str, str] = {}
OWN: dict[str, dict[str, str]] = {
    "identity": {"KEYS__SIGNING": SIGNING, "KEYS__RECEIPTS": RECEIPTS},
    "records": {"KEYS__SIGNATURES": SIGNATURES},
    "audit": {"KEYS__SIGNATURES": SIGNATURES},
    "notify": {
        "SMTP__HOST": "127.0.0.1",
        "SMTP__PORT": "1",
        "SMTP__SENDER": "no-reply@dmp.example",
        "SERVICE__NAME": "DMP de test",
        "SERVICE__SENDER_NAME": "DMP",
        "SERVICE__SITE": "dmp.example",
        "SERVICE__TELEPHONE": "01 99 00 00 00",
        "FOLDERS__SMS": "/nonexistent",
        "FOLDERS__LETTERS": "/nonexistent",
        "GATEWAYS__SMS_CERTIFICATE_FILE": "/nonexistent",
        "GATEWAYS__LETTERS_CERTIFICATE_FILE": "/nonexistent",
    },
}


@dataclass(frozen=True)
class ProcessResult:
    """Exit code and output of a process."""

    code: int
    output: str
    errors: str


async def start(
    database: Database, *arguments: str, rings: Mapping[str, str], settings: Mapping[str, str] = NO_CHANGES
) -> asyncio.subprocess.Process:
    """Starts `python -m services.<service> <arguments>`; `rings`: keyrings by their setting; `settings`: others."""
    prefix = database.service.upper()
    values = {**_COMMON, **OWN.get(database.service, {}), "POSTGRES__DSN": database.dsn}
    values |= {f"KEYS__{name.upper()}": ring for name, ring in rings.items()} | dict(settings)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{database.service}", *arguments),
        cwd=ROOT,
        env={**os.environ, **{f"{prefix}_{name}": value for name, value in values.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(
    database: Database, *arguments: str, rings: Mapping[str, str], settings: Mapping[str, str] = NO_CHANGES
) -> ProcessResult:
    """Runs a command like `start`, to its end."""
    process = await start(database, *arguments, rings=rings, settings=settings)
    try:
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return ProcessResult(process.returncode, output.decode(), errors.decode())


async def read_until(output: asyncio.StreamReader, event: str) -> dict[str, Any]:
    """Returns the first line of the log with this event."""
    async with asyncio.timeout(60):
        while line := await output.readline():
            fields: dict[str, Any] = orjson.loads(line)
            if fields["event"] == event:
                return fields
    raise AssertionError(f"no {event}")
