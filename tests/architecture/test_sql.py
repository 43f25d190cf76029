"""The migrated schema accepts every SQL statement, as the role that runs it."""

import ast
import importlib
import re
from pathlib import Path

import asyncpg
import pytest

from shared.contracts.declarations import SERVICES
from tests.conftest import NewDatabase

ROOT = Path(__file__).parents[2]
STATEMENT = re.compile(r"^\s*(select|insert|update|delete|with)\s", re.IGNORECASE)
PLUMBING = (
    "shared.db.notifications",
    "shared.messaging.outbox.append",
    "shared.messaging.outbox.relay",
    "shared.messaging.outbox.rows",
    "shared.messaging.outbox.leader",
    "shared.messaging.outbox.lost",
    "shared.messaging.outbox.refused",
    "shared.messaging.inbox",
    "shared.db.key_uses",
    "shared.messaging.loss_checks",
    "shared.messaging.parked_messages",
    "shared.messaging.copies",
    "shared.messaging.copy_ages",
    "shared.erasure.erased_records",
    "shared.service.worker",
    "shared.http.tokens",
    "shared.http.app",
)


COPIES = dict.fromkeys(("audit", "consent"), ("shared.public_names",))
"""Statements on tables that only some of the services have."""


def statements(module: str) -> dict[str, str]:
    """Returns the upper-case constants of a module that are SQL."""
    members = vars(importlib.import_module(module))
    return {
        f"{module}.{name}": text
        for name, text in members.items()
        if name.isupper() and isinstance(text, str) and STATEMENT.match(text)
    }


def store_modules(service: str) -> list[str]:
    """Returns `store` as a module, or every module of it as a package."""
    folder = ROOT / "services" / service
    paths = sorted({*folder.rglob("store.py"), *folder.rglob("store/*.py")})
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_of_a_service_can_be_prepared(service: str, new_database: NewDatabase) -> None:
    database = await new_database(service)
    modules = store_modules(service)
    assert modules, f"{service} has no store"
    by_name = {
        name: text
        for module in (*modules, *PLUMBING, *COPIES.get(service, ()))
        for name, text in statements(module).items()
    }
    assert any(name.startswith(f"services.{service}") for name in by_name)
    connection = await asyncpg.connect(database.dsn)
    try:
        for name, text in by_name.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                raise AssertionError(f"{name}: {error}") from error
    finally:
        await connection.close()


SORTED_LOCKS = re.compile(r"\bjoin\b.*\border by\b.*\bfor (no key )?(update|(key )?share)\b")
NOT_PARTITIONED = frozenset(
    {
        "services.identity.erasure.store.LOCK_ERASURES",
        "services.identity.people.store.records.LOCK_APPLIED",
        "services.identity.relations.store.representations.LOCK_RECORDS",
        "services.notify.alerts.store.alerts.SELECT_WINDOWS",
    }
)


def sorts_before_it_locks(sql: str) -> bool:
    """Whether a select joins, sorts and then locks; parts in brackets are checked separately."""
    text = " ".join(sql.lower().split())
    while innermost := re.search(r"\(([^()]*)\)", text):
        if SORTED_LOCKS.search(innermost[1]):
            return True
        text = text.replace(innermost[0], "")
    return SORTED_LOCKS.search(text) is not None


def test_rows_of_a_partitioned_table_are_locked_inside_a_lateral_select() -> None:
    """PostgreSQL 18 reads a row again when another transaction changed it while its lock was awaited. Above a sort
    it then reads in the partition of the last sorted row, so that the row is missing from the result although it
    exists and is locked."""
    locking = {
        name
        for service in SERVICES
        for module in (*store_modules(service), *PLUMBING)
        for name, text in statements(module).items()
        if sorts_before_it_locks(text)
    }
    assert locking == NOT_PARTITIONED
    assert sorts_before_it_locks("with a as (select * from f(1) x join t on t.id = x.id order by t.id for update of t)")


def test_statements_are_constants_beside_their_functions() -> None:
    paths = [*(ROOT / "services").rglob("store.py"), *(ROOT / "services").rglob("store/*.py")]
    assert len(paths) > 5
    for path in sorted(paths):
        tree = ast.parse(path.read_text("utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
                        assert not STATEMENT.match(node.value), f"{path.name}: {node.value[:50]}"
