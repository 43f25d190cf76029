"""Makes the databases of one server, from its secrets; waits for the server."""

import asyncio
from pathlib import Path

import asyncpg

from deploy.cli.databases import OPERATOR, create_databases, roles_of
from deploy.cli.errors import LocalError
from deploy.cli.server_secrets import password_of
from shared.contracts.declarations import SERVICES
from shared.db.connection import open_connection
from shared.db.errors import is_transient

PATIENCE_S = 120


async def make_databases(folder: Path, server: str) -> None:
    """Makes what is missing on the server, HOST:PORT. Raises LocalError if it cannot be used."""
    try:
        superuser = (folder / "postgres/superuser").read_text("utf-8").strip()
        roles = (*(role for service in SERVICES for role in roles_of(service)), OPERATOR)
        passwords = {role: password_of(folder, role) for role in roles}
    except OSError as error:
        raise LocalError(f"{error.filename}: {error.strerror}; make the secrets first") from None

    def dsn_of(database: str) -> str:
        return f"postgresql://postgres:{superuser}@{server}/{database}?sslmode=disable"

    await _wait(dsn_of("postgres"), server)
    try:
        await create_databases(dsn_of, SERVICES, passwords.__getitem__)
    except asyncpg.PostgresError as error:
        raise LocalError(f"{server} does not make the databases ({type(error).__name__})") from None


async def _wait(dsn: str, server: str) -> None:
    """Returns when the server takes connections. Raises LocalError after PATIENCE_S, or if it refuses."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            connection = await open_connection(dsn, timeout=5)
        except (OSError, asyncpg.PostgresError) as error:
            if not isinstance(error, OSError) and not is_transient(error):
                raise LocalError(f"{server} refuses the superuser ({type(error).__name__})") from None
            if asyncio.get_running_loop().time() > deadline:
                raise LocalError(f"{server} does not answer within {PATIENCE_S} s") from None
            await asyncio.sleep(1)
        else:
            await connection.close()
            return
