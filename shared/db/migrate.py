"""Forward-only migrations: `NNNN_{pre,post}_<verb>_<what>.sql`, the shared ones first, then the service's.

One runner at a time (advisory lock); each file in a separate transaction; a file changed after it was applied stops the
run. Names are recorded with the SHA-256 of their text.

A big table is filled by `NNNN_..._fill_<what>.batch.sql`, one statement that runs page after page, each page in a
transaction (`backfill`). A file `NNNN_..._fill_<what>.sql` beside it is the earlier form of that migration: its
checksum is recorded, and some databases have applied it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import asyncpg

from shared.db.backfill import FORGET_POSITION, fill
from shared.db.connection import open_connection
from shared.db.pool import Connection
from shared.errors import CodedError, TransientError
from shared.runtime.logs import log

LOCK = 0x444D5001
OLDEST_POSTGRES = 17
NAME = re.compile(r"^\d{4}_(pre|post)_[a-z0-9_]+\.sql$", re.ASCII)
BATCH = ".batch.sql"
PLUMBING = Path(__file__).parent / "migrations"
Phase = Literal["pre", "post"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""`pre`: applied before the code of its release starts; `post`: once no older code runs, with the next release."""

CREATE_HISTORY = """
create table if not exists schema_migrations (
  name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp()
)"""
SELECT_HISTORY = "select name, checksum from schema_migrations"
INSERT_HISTORY = "insert into schema_migrations (name, checksum) values ($1, $2)"


class MigrationChangedError(CodedError):
    """A migration that has been applied was changed since; write a new one instead."""

    code = "migration-changed"


class PostgresTooOldError(CodedError):
    """PostgreSQL 17 or newer is needed: older servers have no transaction_timeout."""

    code = "postgres-too-old"


class NotMigratedError(TransientError):
    """The database does not have the tables of this release yet: run `migrate` first."""

    code = "not-migrated"


@dataclass(frozen=True)
class Migration:
    """One SQL file. `name` is `shared/...` or `<service>/...`."""

    name: str
    sql: str
    batch: str | None = None
    """The statement that runs page after page instead of `sql`."""

    @property
    def is_before_code(self) -> bool:
        """Whether it is applied before the code of its release starts (`pre`)."""
        return "_pre_" in self.name

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_folder(service: str) -> Path:
    """Returns the folder of a service's migrations."""
    return Path(__file__).parents[2] / "services" / service / "migrations"


def required_migrations(service: str) -> list[str]:
    """Returns the names of the migrations without which this release's code does not work."""
    return [each.name for each in migrations_of(service, migrations_folder(service)) if each.is_before_code]


def migrations_of(service: str, folder: Path) -> list[Migration]:
    """Returns the shared migrations and the service's, in order. Raises ValueError for a malformed name, and for a
    folder without migrations: a service that starts without its tables would look healthy."""
    migrations: list[Migration] = []
    for owner, place in (("shared", PLUMBING), (service, folder)):
        texts = {path.name: path.read_text("utf-8") for path in place.glob("*.sql")}
        if not texts:
            raise ValueError(f"no migrations in {place}")
        for name in sorted({text.replace(BATCH, ".sql") for text in texts}):
            if NAME.match(name) is None:
                raise ValueError(f"{name}: migrations are called NNNN_pre_verb_what.sql or NNNN_post_...")
            batch = texts.get(name.replace(".sql", BATCH))
            migrations.append(Migration(f"{owner}/{name}", texts.get(name) or batch or "", batch))
    return migrations


async def migrate(dsn: str, migrations: list[Migration], app_role: str, phase: Phase | None = None) -> int:
    """Applies the missing migrations and returns their number. `{app}` in the SQL is the role that runs the service.

    `phase`: applies those of this phase alone. On an empty database `pre` applies all, because no older code uses it.
    Raises PostgresTooOldError, MigrationChangedError.
    """
    connection = await open_connection(dsn, timeout=10, server_settings={"lock_timeout": "10000"})
    try:
        check_version(connection.get_server_version().major)
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        await connection.execute(CREATE_HISTORY)
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(SELECT_HISTORY)}
        due = _due(migrations, phase, is_empty=not applied)
        missing = [migration for migration in due if migration.name not in applied]
        for migration in migrations:
            if applied.get(migration.name, migration.checksum) != migration.checksum:
                raise MigrationChangedError(f"{migration.name}: {MigrationChangedError.__doc__}")
        for migration in missing:
            await _apply(connection, migration, app_role)
            log("migration.applied", migration=migration.name)
        return len(missing)
    finally:
        await connection.close()


def _due(migrations: list[Migration], phase: Phase | None, *, is_empty: bool) -> list[Migration]:
    if phase is None or (phase == "pre" and is_empty):
        return migrations
    return [migration for migration in migrations if migration.is_before_code is (phase == "pre")]


async def check_migrated(connection: Connection, service: str, migrations: Sequence[Migration]) -> None:
    """Raises NotMigratedError unless each migration that precedes this release's code is applied."""
    remedy = f"run `python -m services.{service} migrate`"
    try:
        applied = {row["name"] for row in await connection.fetch(SELECT_HISTORY)}
    except asyncpg.UndefinedTableError as error:
        raise NotMigratedError(f"the database of {service} has no tables yet: {remedy}") from error
    missing = [each.name for each in migrations if each.is_before_code and each.name not in applied]
    if missing:
        raise NotMigratedError(f"the database of {service} lacks migration {missing[0]}: {remedy}")


def check_version(major: int) -> None:
    """Raises PostgresTooOldError below OLDEST_POSTGRES."""
    if major < OLDEST_POSTGRES:
        raise PostgresTooOldError(f"This is PostgreSQL {major}. {PostgresTooOldError.__doc__}")


async def _apply(connection: Connection, migration: Migration, app_role: str) -> None:
    if migration.batch is not None:
        await fill(connection, migration.name, migration.batch)
        async with connection.transaction():
            await connection.execute(INSERT_HISTORY, migration.name, migration.checksum)
            await connection.execute(FORGET_POSITION, migration.name)
        return
    async with connection.transaction():
        await connection.execute(migration.sql.replace("{app}", f'"{app_role}"'))
        await connection.execute(INSERT_HISTORY, migration.name, migration.checksum)
