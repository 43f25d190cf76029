"""Copies a service's database while the service runs, and puts the copy back while it runs."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.platform.databases import create_databases
from deploy.local.platform.stack import Stack

DUMP_WITHIN_S = 120.0
SWAP = (
    'alter database "{0}" with allow_connections false',
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{0}'",
    'alter database "{0}" rename to "{0}_lost"',
    'alter database "{0}_copy" rename to "{0}"',
)
TRIES = 50


async def take_copy(stack: Stack, service: str, file: Path) -> None:
    """Writes a backup of the present commits."""
    await _run(stack, "pg_dump", "--format=custom", f"--file={file}", stack.postgres.dsn(service))


async def put_back(stack: Stack, service: str, file: Path) -> float:
    """Puts the copy back: the service loses every commit since then; its processes lose their connections and stay.

    Returns when that was, on the monotonic clock.
    """
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        await connection.execute(f'create database "{service}_copy" template template0 owner {service}_owner')
        await _run(
            stack, "pg_restore", "--exit-on-error", f"--dbname={stack.postgres.dsn(service + '_copy')}", str(file)
        )
        lost_at = time.monotonic()
        await _swap(connection, service)
        await create_databases(stack.postgres, stack.secrets, [service])
        await connection.execute(f'drop database "{service}_lost" with (force)')
    finally:
        await connection.close()
    return lost_at


async def _swap(connection: Any, service: str) -> None:
    """Swaps the databases while services are connected; new connections in between are ended again."""
    for attempt in range(TRIES):
        try:
            for statement in SWAP:
                await connection.execute(statement.format(service))
        except asyncpg.ObjectInUseError:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(0.1)
        else:
            return


async def recover(stack: Stack, service: str) -> dict[str, Any]:
    """Runs `python -m services.<name> recover` like an operator; returns its output."""
    spec = stack.services.process(service, "worker")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}", "recover", "--operator", "jane"),
        cwd=spec.directory,
        env=dict(spec.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), DUMP_WITHIN_S)
    assert process.returncode == 0, output.decode()[-2000:]
    text = output.decode()
    done: dict[str, Any] = json.loads(text[text.index("\n{") :] if "\n{" in text else text[text.index("{") :])
    return done


async def _run(stack: Stack, program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(stack.postgres.binaries / program), *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), DUMP_WITHIN_S)
    assert process.returncode == 0, f"{program}: {output.decode()[-2000:]}"
