"""How a service's processes run: `api`, `worker`, `migrate`, `recover`. `main` is what each `__main__` calls."""

import asyncio
import contextlib
import gc
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from prometheus_client import start_http_server
from pydantic import ValidationError

from shared import logs
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.db.migrate import migrate, migrations_of
from shared.db.pool import create_pool
from shared.errors import CodedError
from shared.http.protocol import LimitedProtocol
from shared.outbox.lost import log_factory, topics_of
from shared.outbox.recovery import Recovery, recover
from shared.settings import ServiceSettings

USAGE = "usage: python -m services.{service} api | worker | migrate | recover"
EXIT_USAGE, EXIT_SETTINGS, EXIT_UNAVAILABLE = 2, 78, 75


def main(
    service: str,
    settings_class: Callable[[], ServiceSettings],
    *,
    api: Callable[[Any], FastAPI],
    worker: Callable[[Any], FastAPI],
    recovery: Callable[[Any], Recovery] = lambda _: Recovery(),
) -> None:
    """Runs the process named by the first argument. Exit codes: 0, 2 usage, 75 a need is away, 78 settings."""
    arguments = sys.argv[1:]
    if len(arguments) != 1 or arguments[0] not in ("api", "worker", "migrate", "recover"):
        _complain(USAGE.format(service=service))
        raise SystemExit(EXIT_USAGE)
    process = arguments[0]
    try:
        settings = settings_class()
    except ValidationError as error:
        wrong = "; ".join(".".join(str(part) for part in one["loc"]) + ": " + one["msg"] for one in error.errors())
        _complain(f"{service}: settings are missing or wrong: {wrong}")
        raise SystemExit(EXIT_SETTINGS) from None
    logs.configure(service, process, settings.log_level)
    try:
        if process == "migrate":
            asyncio.run(_migrate(service, settings))
        elif process == "recover":
            asyncio.run(_recover(service, settings, recovery(settings)))
        elif process == "api":
            if settings.metrics.port is not None:
                start_http_server(settings.metrics.port, settings.metrics.host)
            _serve(api(settings), settings.http.host, settings.http.port)
        else:
            _serve(worker(settings), settings.worker.host, settings.worker.port)
    except (CodedError, KafkaError, *DATABASE_ERRORS) as error:
        logs.log("process.failed", error=error)
        if not isinstance(error, CodedError | KafkaError) and not is_transient(error):
            raise
        raise SystemExit(EXIT_UNAVAILABLE) from None


def _complain(message: str) -> None:
    """Tells the person who started the process; the exit code is right even where nobody can be told."""
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)


async def _migrate(service: str, settings: ServiceSettings) -> None:
    owner = settings.postgres.owner_dsn
    if owner is None:
        raise CodedError(f"{service.upper()}_POSTGRES__OWNER_DSN is needed to migrate")
    app_role = urlsplit(settings.postgres.dsn.get_secret_value()).username
    if not app_role:
        raise CodedError(f"{service.upper()}_POSTGRES__DSN must name the app role")
    folder = Path(__file__).parents[1] / "services" / service / "migrations"
    await migrate(owner.get_secret_value(), migrations_of(service, folder), app_role)


async def _recover(service: str, settings: ServiceSettings, recovery: Recovery) -> None:
    """Prints what was done as JSON: keys (internal ids) and counts."""
    pool = await create_pool(settings.postgres, application=f"{service}-recover", size=2)
    try:
        done = await recover(pool, log_factory(settings.kafka, service), topics_of(service), recovery)
    finally:
        await pool.close()
    print(json.dumps(asdict(done), indent=2))


def _serve(app: FastAPI, host: str, port: int) -> None:
    spare_the_collector()
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


def spare_the_collector() -> None:
    """What the imports made lives as long as the process: garbage collection need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
