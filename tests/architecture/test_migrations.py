"""Migrations can run beside the previous release: squawk finds those that would block or break it."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.db.migrate import migrations_of

ROOT = Path(__file__).parents[2]
SQUAWK = Path(sys.executable).with_name("squawk")
NOT_OURS = ("prefer-bigint-over-int", "require-lock-timeout", "require-statement-timeout")
"""Buckets, versions and partitions are small numbers; the migration runner sets the time-outs."""
MIGRATIONS = sorted([*(ROOT / "services").glob("*/migrations/*.sql"), *(ROOT / "shared/db/migrations").glob("*.sql")])


def complaints(sql: str, folder: Path) -> str:
    """Returns the findings of squawk about a migration, empty when there are none."""
    path = folder / "migration.sql"
    path.write_text(sql.replace("{app}", "app_role"), "utf-8")
    options = ("--assume-in-transaction", "--pg-version", "18.0", "--reporter", "gcc", "--exclude", ",".join(NOT_OURS))
    ran = subprocess.run([SQUAWK, *options, path], capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return "\n".join(re.findall(r"(?:warning|error): .*", ran.stdout)) if ran.returncode else ""


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_migration_neither_locks_nor_breaks_what_runs(path: Path, tmp_path: Path) -> None:
    assert complaints(path.read_text("utf-8"), tmp_path) == ""


def test_a_migration_that_would_lock_a_table_for_long_is_found(tmp_path: Path) -> None:
    assert "adding-required-field" in complaints("alter table documents add column x integer not null;", tmp_path)


def test_a_folder_without_migrations_is_not_taken_for_a_service_that_needs_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no migrations in"):
        migrations_of("records", tmp_path)


CHECKSUMS = (ROOT / "services/migrations.sha256").read_text("utf-8").splitlines()
FROZEN = {path: digest for digest, path in (line.split("  ") for line in CHECKSUMS)}
"""Path -> SHA-256 of every migration that has landed."""


def test_no_migration_that_landed_is_changed_or_gone() -> None:
    present = {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS}
    assert {name: digest for name, digest in FROZEN.items() if present.get(name) != digest} == {}


def test_every_migration_is_frozen() -> None:
    missing = {str(path.relative_to(ROOT)) for path in MIGRATIONS} - FROZEN.keys()
    assert missing == set(), "a new migration: sha256sum FILE >> services/migrations.sha256"
