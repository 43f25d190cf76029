"""Waits until a service's database is there, then becomes the service's process.

For one server, whose engine starts all containers at once: podman starts a container that has ended again without any
pause, and none whose dependencies have ended. After PATIENCE_S the process starts all the same, and says what is wrong.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import NoReturn

from pydantic import SecretStr, ValidationError

from shared.db.connection import open_connection
from shared.db.errors import DATABASE_ERRORS
from shared.db.migrate import NotMigratedError
from shared.errors import CodedError
from shared.runtime.settings import ServiceSettings
from shared.service.owner_settings import owner_settings_class
from shared.service.startup import check_database

PATIENCE_S, PAUSE_S = 600, 2


def start(service: str, words: list[str]) -> NoReturn:
    """Becomes `python -m services.<service> WORDS` once its database has the schema; for `migrate`, once it answers."""
    settings_class: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    try:
        if words[:1] == ["migrate"]:
            ready = partial(_connect, owner_settings_class(settings_class)().postgres.owner_dsn)
        else:
            ready = partial(check_database, settings_class().postgres, service, {})
    except ValidationError:  # the process says which settings are wrong
        pass
    else:
        asyncio.run(_wait(ready))
    command = [sys.executable, "-m", f"services.{service}", *words]
    os.execv(command[0], command)  # noqa: S606  # the purpose of this module


async def _wait(ready: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            await ready()
        except (NotMigratedError, *DATABASE_ERRORS):
            await asyncio.sleep(PAUSE_S)
        except CodedError:  # the process says it
            return
        else:
            return


async def _connect(dsn: SecretStr) -> None:
    connection = await open_connection(dsn.get_secret_value(), timeout=5)
    await connection.close()
