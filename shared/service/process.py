"""Starts a service's processes: `api`, `worker`, `migrate`, `recover`, `keys`, and its own jobs. Each `__main__` calls
`main`."""

import asyncio
import contextlib
import gc
import json
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from prometheus_client import start_http_server
from pydantic import ValidationError

from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.db.key_rewrap import KeyPlan, Rewrapped, rewrap
from shared.db.key_uses import KeyDiffersError, KeyMissingError, check_rings, key_status
from shared.db.migrate import migrate, migrations_of
from shared.db.pool import create_pool
from shared.errors import CodedError
from shared.http.protocol import LimitedProtocol
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.outbox.recovery import Recovery, recover
from shared.runtime import logs
from shared.runtime.settings import ServiceSettings, settings_complaint

USAGE = "usage: python -m services.{service} api | worker | migrate | recover | keys status | keys rewrap{jobs}"
PROCESSES = (("api",), ("worker",), ("migrate",), ("recover",), ("keys", "status"), ("keys", "rewrap"))
NEEDS_KEYS = ("api", "worker", "recover")
Job = Callable[[Any], Awaitable[Sequence[Rewrapped]]]
"""Takes the settings, rewrites stored rows, and returns the results by column."""
NO_JOBS: Mapping[str, Job] = {}
EXIT_LEFT, EXIT_USAGE, EXIT_SETTINGS, EXIT_UNAVAILABLE = 1, 2, 78, 75


def main(
    service: str,
    settings_class: type[ServiceSettings],
    *,
    api: Callable[[Any], FastAPI],
    worker: Callable[[Any], FastAPI],
    recovery: Callable[[Any], Recovery] = lambda _: Recovery(),
    keys: Callable[[Any], KeyPlan] = lambda _: KeyPlan({}),
    jobs: Mapping[str, Job] = NO_JOBS,
) -> None:
    """Runs the process named by the arguments. `jobs`: what an operator runs once for this service alone, by name.

    Exit codes: 0; 1 `keys rewrap` or a job left rows unchanged; 2 usage; 75 a required system is unavailable; 78 wrong
    settings, or a missing key that rows need.
    """
    arguments = tuple(sys.argv[1:])
    if arguments not in PROCESSES and arguments not in {(name,) for name in jobs}:
        _complain(USAGE.format(service=service, jobs="".join(f" | {name}" for name in jobs)))
        raise SystemExit(EXIT_USAGE)
    process = "-".join(arguments)
    try:
        settings = settings_class()
    except ValidationError as error:
        _complain(f"{service}: settings are missing or wrong: {settings_complaint(error, settings_class)}")
        raise SystemExit(EXIT_SETTINGS) from None
    logs.configure(service, process, settings.log_level)
    plan = keys(settings)
    run: dict[str, Callable[[], None]] = {
        "api": lambda: _serve_api(api(settings), settings),
        "worker": lambda: _serve(worker(settings), settings.worker.host, settings.worker.port),
        "migrate": lambda: asyncio.run(_migrate(service, settings)),
        "recover": lambda: asyncio.run(_recover(service, settings, recovery(settings))),
        "keys-status": lambda: asyncio.run(_show_keys(service, settings, plan)),
        "keys-rewrap": lambda: asyncio.run(_rewrap_keys(service, settings, plan)),
        **{name: partial(_run_job, job, settings) for name, job in jobs.items()},
    }
    try:
        if process in NEEDS_KEYS or process in jobs:
            asyncio.run(check_rings(settings.postgres, service, plan.rings))
        run[process]()
    except (KeyMissingError, KeyDiffersError) as error:
        logs.log("process.failed", error=error)
        _complain(f"{service}: {error}")
        raise SystemExit(EXIT_SETTINGS) from None
    except (CodedError, KafkaError, *DATABASE_ERRORS) as error:
        logs.log("process.failed", error=error)
        if isinstance(error, ssl.SSLError):
            _complain(f"{service}: a server is not spoken to, because TLS with it fails: {error}")
        if not isinstance(error, CodedError | KafkaError) and not is_transient(error):
            raise
        raise SystemExit(EXIT_UNAVAILABLE) from None


def _run_job(job: Job, settings: ServiceSettings) -> None:
    """Prints the job's results as JSON. Exits with 1 when it left rows unchanged."""
    outcomes = asyncio.run(_awaited(job(settings)))
    print(json.dumps([asdict(column) for column in outcomes], indent=2))
    if any(column.without_key or column.broken for column in outcomes):
        raise SystemExit(EXIT_LEFT)


async def _awaited(outcomes: Awaitable[Sequence[Rewrapped]]) -> Sequence[Rewrapped]:
    return await outcomes


def _complain(message: str) -> None:
    """Writes to standard error; if that fails, the exit code still tells what happened."""
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)


async def _migrate(service: str, settings: ServiceSettings) -> None:
    owner = settings.postgres.owner_dsn
    if owner is None:
        raise CodedError(f"{service.upper()}_POSTGRES__OWNER_DSN is needed to migrate")
    app_role = urlsplit(settings.postgres.dsn.get_secret_value()).username
    if not app_role:
        raise CodedError(f"{service.upper()}_POSTGRES__DSN must name the app role")
    folder = Path(__file__).parents[2] / "services" / service / "migrations"
    await migrate(owner.get_secret_value(), migrations_of(service, folder), app_role)


async def _recover(service: str, settings: ServiceSettings, recovery: Recovery) -> None:
    """Prints the result of the recovery as JSON: keys (internal ids) and counts."""
    pool = await create_pool(settings.postgres, application=f"{service}-recover", size=2)
    try:
        done = await recover(pool, log_factory(settings.kafka, service), topics_of(service), recovery)
    finally:
        await pool.close()
    print(json.dumps(asdict(done), indent=2))


async def _show_keys(service: str, settings: ServiceSettings, plan: KeyPlan) -> None:
    """Prints each key as JSON: ring, id, state (active, kept or missing), and number of rows by column."""
    print(json.dumps([asdict(key) for key in await key_status(settings.postgres, service, plan.rings)], indent=2))


async def _rewrap_keys(service: str, settings: ServiceSettings, plan: KeyPlan) -> None:
    """Prints a line of JSON for each page, then the keys. Exits with 1 when some rows could not be opened."""

    def report(column: Rewrapped) -> None:
        print(json.dumps(asdict(column)), file=sys.stderr, flush=True)

    outcomes = await rewrap(settings.postgres, service, plan, report)
    await _show_keys(service, settings, plan)
    if any(column.without_key or column.broken for column in outcomes):
        raise SystemExit(EXIT_LEFT)


def _serve_api(app: FastAPI, settings: ServiceSettings) -> None:
    if settings.metrics.port is not None:
        start_http_server(settings.metrics.port, settings.metrics.host)
    _serve(app, settings.http.host, settings.http.port)


def _serve(app: FastAPI, host: str, port: int) -> None:
    freeze_gc()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=LimitedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,  # longer than a client keeps an idle connection: it must not be closed under a request
        server_header=False,
    )
    uvicorn.Server(config).run()


def freeze_gc() -> None:
    """Exempts the objects made by imports from garbage collection: they live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
