"""Every SQL statement is understood by the migrated schema, as the role that runs it."""

import ast
import importlib
import re
from pathlib import Path

import asyncpg
import pytest

from shared.contracts.topics import SERVICES
from tests.conftest import NewDatabase

ROOT = Path(__file__).parents[2]
STATEMENT = re.compile(r"^\s*(select|insert|update|delete|with)\s", re.IGNORECASE)
PLUMBING = (
    "shared.db.notifications",
    "shared.outbox.append",
    "shared.outbox.relay",
    "shared.outbox.rows",
    "shared.outbox.refused",
    "shared.inbox",
    "shared.parking",
    "shared.copies",
    "shared.erasing",
    "shared.worker",
    "shared.http.tokens",
    "shared.http.app",
)


def statements(module: str) -> dict[str, str]:
    """The upper-case constants of a module that are SQL."""
    found = vars(importlib.import_module(module))
    return {
        f"{module}.{name}": text
        for name, text in found.items()
        if name.isupper() and isinstance(text, str) and STATEMENT.match(text)
    }


def store_modules(service: str) -> list[str]:
    """`store` as a module, or every module of it as a package."""
    folder = ROOT / "services" / service
    paths = [folder / "store.py"] if (folder / "store.py").exists() else sorted((folder / "store").glob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_of_a_service_can_be_prepared(service: str, new_database: NewDatabase) -> None:
    database = await new_database(service)
    modules = store_modules(service)
    assert modules, f"{service} has no store"
    known = {name: text for module in (*modules, *PLUMBING) for name, text in statements(module).items()}
    assert any(name.startswith(f"services.{service}") for name in known)
    connection = await asyncpg.connect(database.dsn)
    try:
        for name, text in known.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                raise AssertionError(f"{name}: {error}") from error
    finally:
        await connection.close()


def test_statements_are_constants_beside_their_functions() -> None:
    paths = [*(ROOT / "services").glob("*/store.py"), *(ROOT / "services").glob("*/store/*.py")]
    assert len(paths) > 5
    for path in sorted(paths):
        tree = ast.parse(path.read_text("utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
                        assert not STATEMENT.match(node.value), f"{path.name}: {node.value[:50]}"
