"""Statements on tables that are divided by bucket reach one partition of each, or docs/scaling.md says how they would
go on several databases."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from deploy.local.platform.paths import REPOSITORY
from shared.contracts.declarations import SERVICES
from tests.conftest import NewDatabase
from tests.infra.platform.databases import Databases

PAGE = REPOSITORY / "docs" / "scaling.md"
LISTED = re.compile(r"^\| `(\w+)` \| ((?:`[A-Z_]+`(?:, )?)+) \| \S.*\|$", re.MULTILINE)
VERB = re.compile(r"\s*(with|select|insert|update|delete)\b", re.IGNORECASE)
SELECT_DIVIDED = """
select child.relname as partition, parent.relname as name
from pg_partitioned_table divided
join pg_class parent on parent.oid = divided.partrelid
join pg_attribute key on key.attrelid = parent.oid and key.attnum = divided.partattrs[0] and key.attname = 'bucket'
join pg_inherits on inhparent = parent.oid
join pg_class child on child.oid = inhrelid"""
EXPLAIN = """
create function pg_temp.explained(statement text) returns json language plpgsql as $$
declare plan json;
begin execute 'explain (generic_plan, format json) ' || statement into plan; return plan; end $$"""
SELECT_OTHER_INDEXES = """
select indexrelid::regclass::text as name from pg_index
join pg_class on pg_class.oid = indrelid
where relname = any($1) and not indisunique"""
"""On an empty table they look as good to the planner as the one that begins with the bucket."""
FORGET_SIZES = """
update pg_class set relpages = 0, reltuples = -1
where oid in (select oid from pg_class where relname = any($1))
  or oid in (select indexrelid from pg_index join pg_class on pg_class.oid = indrelid where relname = any($1))"""
"""As of tables that were never vacuumed, for which the planner does not count on their being empty."""
OTHER_WAYS = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan", "enable_material")
"""Without them a condition on the bucket, also that of a join, mostly stands where the table is read."""
CONDITIONS = ("Index Cond", "Filter")
JOINS = ("Join Filter", "Hash Cond", "Merge Cond")
EQUAL_BUCKETS = re.compile(r"\b(\w+)\.bucket = (\w+)\.bucket\b")
NAMES_BUCKET = re.compile(r"\bbucket = | = (?:\w+\.)?bucket\b")


def statements_of(service: str) -> Iterator[tuple[str, str]]:
    """Yields name and text of the statements of a service's modules."""
    package = importlib.import_module(f"services.{service}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, str) and VERB.match(value):
                    yield name, value


def nodes_of(plan: dict[str, Any], *above: dict[str, Any]) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yields each node of a plan, followed by those above it."""
    yield plan, *above
    for child in plan.get("Plans", []):
        yield from nodes_of(child, plan, *above)


def table_alias(alias: str) -> str:
    """Returns the alias without the number that tells partitions, and second uses of a table, apart."""
    return re.sub(r"_\d+$", "", alias)


def names_bucket(node: dict[str, Any], *above: dict[str, Any], divided: set[str]) -> bool:
    """Whether the bucket of the rows that are read here is stated: here, or where they are joined with something else
    than a divided table, the rows of a parameter."""
    if any(NAMES_BUCKET.search(str(node.get(name, ""))) for name in CONDITIONS):
        return True
    joins = EQUAL_BUCKETS.findall(" ".join(str(each.get(name, "")) for each in above for name in JOINS))
    pairs = [{table_alias(x), table_alias(y)} for x, y in joins]
    return any(table_alias(node["Alias"]) in pair and not pair <= divided for pair in pairs)


async def reaches_all(connection: "asyncpg.Connection[asyncpg.Record]", text: str, partitions: dict[str, str]) -> bool:
    """Whether the statement reads all partitions of a table."""
    plan = json.loads(await connection.fetchval("select pg_temp.explained($1)", text))[0]["Plan"]
    reads = [
        nodes
        for nodes in nodes_of(plan)
        if nodes[0]["Node Type"] != "ModifyTable" and nodes[0].get("Relation Name") in partitions
    ]
    divided = {table_alias(node["Alias"]) for node, *_ in reads}
    return any(not names_bucket(*nodes, divided=divided) for nodes in reads)


def listed(service: str) -> set[str]:
    """Returns the statements of this service that the page lists."""
    rows = LISTED.findall(PAGE.read_text())
    return {name for named, names in rows if named == service for name in re.findall(r"[A-Z_]+", names)}


@pytest.mark.parametrize("service", sorted(SERVICES))
async def test_a_statement_reaches_one_partition_or_the_page_says_how_it_would_go(
    service: str, databases: Databases, new_database: NewDatabase
) -> None:
    """In a transaction that is undone: other tests use the database again, with its indexes."""
    connection = await asyncpg.connect(databases.superuser_dsn((await new_database(service)).name))
    try:
        await connection.execute("begin")
        partitions = {row["partition"]: row["name"] for row in await connection.fetch(SELECT_DIVIDED)}
        tables = set(partitions.values())
        for row in await connection.fetch(SELECT_OTHER_INDEXES, tables):
            await connection.execute(f"drop index {row['name']}")
        await connection.execute(FORGET_SIZES, list(partitions))
        for setting in OTHER_WAYS:
            await connection.execute(f"set local {setting} = off")
        await connection.execute(EXPLAIN)
        divided = re.compile(rf"\b({'|'.join(sorted(tables))})\b")
        concerned = [(name, text) for name, text in statements_of(service) if divided.search(text)]
        assert concerned
        everywhere = {name for name, text in concerned if await reaches_all(connection, text, partitions)}
    finally:
        await connection.execute("rollback")
        await connection.close()
    assert everywhere == listed(service)
