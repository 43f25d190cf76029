"""What a database declares and holds, in a form that two databases can be compared by."""

from typing import Any, Final

import asyncpg

from tests.infra.platform.databases import fetch_row

_OURS: Final = "relnamespace = 'public'::regnamespace"
_PRIVILEGES: Final = """
array(select format('%s:%s:%s', grantee::regrole, privilege_type, is_grantable)
      from aclexplode({0}) order by 1)"""
_RELATIONS: Final = f"""
select relname, relkind::text, relpersistence::text, relowner::regrole::text, reloptions, relispartition,
  relrowsecurity,
  pg_get_expr(relpartbound, oid) as bounds, pg_get_partkeydef(oid) as partitioned_by,
  (select inhparent::regclass::text from pg_inherits where inhrelid = pg_class.oid) as parent,
  {_PRIVILEGES.format("coalesce(relacl, case relkind when 'S' then acldefault('s', relowner) else tables end)")}
    as privileges
from pg_class, acldefault('r', relowner) as tables
where {_OURS} and relkind in ('r', 'p', 'S', 'v', 'm') order by relname"""
_COLUMNS: Final = f"""
select relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text, attgenerated::text,
  attstorage::text, attcompression::text, pg_get_expr(adbin, adrelid) as default,
  {_PRIVILEGES.format("attacl")} as privileges
from pg_attribute join pg_class on pg_class.oid = attrelid
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where {_OURS} and relkind in ('r', 'p') and attnum > 0 and not attisdropped order by relname, attname"""
_CONSTRAINTS: Final = """
select conrelid::regclass::text as relation, conname, pg_get_constraintdef(oid), convalidated, coninhcount, conislocal
from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2"""
_INDEXES: Final = f"""
select relname, pg_get_indexdef(pg_class.oid), indisvalid, indisunique, indisreplident,
  (select inhparent::regclass::text from pg_inherits where inhrelid = pg_class.oid) as parent
from pg_class join pg_index on indexrelid = pg_class.oid where {_OURS} order by relname"""
_TRIGGERS: Final = """
select tgrelid::regclass::text as relation, tgname, tgenabled::text, pg_get_triggerdef(oid)
from pg_trigger where not tgisinternal order by 1, 2"""
_FUNCTIONS: Final = f"""
select oid::regprocedure::text, pg_get_functiondef(oid), proowner::regrole::text,
  {_PRIVILEGES.format("coalesce(proacl, acldefault('f', proowner))")} as privileges
from pg_proc where pronamespace = 'public'::regnamespace order by 1"""
_SCHEMA: Final = f"""
select nspowner::regrole::text, {_PRIVILEGES.format("nspacl")} as privileges
from pg_namespace where nspname = 'public'"""
_DATABASE: Final = f"""
select datdba::regrole::text, encoding, datcollate, datlocprovider::text, datlocale,
  {_PRIVILEGES.format("coalesce(datacl, acldefault('d', datdba))")} as privileges,
  (select count(*) from pg_db_role_setting where setdatabase = pg_database.oid) as settings
from pg_database where datname = current_database()"""
_SEQUENCES: Final = "select sequencename, data_type::text, last_value from pg_sequences order by 1"
CATALOGUES: Final = {
    "relations": _RELATIONS,
    "columns": _COLUMNS,
    "constraints": _CONSTRAINTS,
    "indexes": _INDEXES,
    "triggers": _TRIGGERS,
    "functions": _FUNCTIONS,
    "schema": _SCHEMA,
    "database": _DATABASE,
    "sequences": _SEQUENCES,
}
_LEAVES: Final = f"select relname from pg_class where {_OURS} and relkind = 'r' order by relname"

_ROWS: Final = """
select count(*), coalesce(md5(string_agg(md5(line::text), '' order by md5(line::text))), '') as hash
from public."{}" as line"""


async def catalogue_of(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Returns tables, columns, constraints, indexes, triggers, functions, privileges and sequences of a database."""
    connection = await asyncpg.connect(dsn)
    try:
        return {name: [tuple(row) for row in await connection.fetch(sql)] for name, sql in CATALOGUES.items()}
    finally:
        await connection.close()


async def rows_of(dsn: str) -> dict[str, tuple[int, str]]:
    """Returns the number of rows of each table and partition, and a hash of them."""
    connection = await asyncpg.connect(dsn)
    try:
        names = [row["relname"] for row in await connection.fetch(_LEAVES)]
        rows = {name: await fetch_row(connection, _ROWS.format(name)) for name in names}
    finally:
        await connection.close()
    return {name: (row["count"], row["hash"]) for name, row in rows.items()}
