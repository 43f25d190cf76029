"""Records whether a database has been checked for lost commits, and which aggregates have lost some.

The relay's leader compares the service's topics with the database before it sends anything (`outbox.lost`). It stores
the incarnation of the database that it compared, and marks each record whose state on the topics is newer as a broken
copy of the service's own topic. Until both have happened, the database may hold an older state of a record than an
earlier answer showed. APIs check this within the statements that they send anyway.

An incarnation is one start of the PostgreSQL server and one database in it. A failover, a restore of files or a
point-in-time recovery starts another server. A restored dump is in another database, or its row was written by another
transaction than the one named in the row.
"""

from collections.abc import Sequence

from shared.db.pool import Connection

INCARNATION = """(select extract(epoch from pg_postmaster_start_time()) || '/' || oid
  from pg_database where datname = current_database())"""
IS_UNCHECKED = f"""exists (
  select from loss_checks
  where loss_checks.xmin <> loss_checks.transaction_id::xid or loss_checks.incarnation <> {INCARNATION})"""
"""An SQL condition: whether commits may have been lost since the last check."""
UPSERT_CHECK = f"""
insert into loss_checks (incarnation, transaction_id) values ({INCARNATION}, pg_current_xact_id())
on conflict on constraint loss_checks_pkey do update
set incarnation = excluded.incarnation, transaction_id = excluded.transaction_id
where {IS_UNCHECKED}"""  # noqa: S608  # a constant
INSERT_MARKS = """
insert into broken_copies (topic, key, error_code)
select topic, key, $3 from unnest($1::text[], $2::text[]) as lost(topic, key) order by topic, key
on conflict on constraint broken_copies_pkey do nothing"""
DELETE_MARKS = "delete from broken_copies where topic = any($1::text[])"
CODE = "commits-lost"


async def note_check(connection: Connection, topics: Sequence[str], lost: Sequence[tuple[str, str]]) -> None:
    """Stores that this database was compared with the service's own `topics`.

    `lost`: the (topic, key) pairs whose newest state on the topic this database lacks; they are marked. When there are
    none, earlier marks are removed. The transaction must not have a savepoint.
    """
    if lost:
        names, keys = zip(*sorted(set(lost)), strict=True)
        await connection.execute(INSERT_MARKS, names, keys, CODE)
    else:
        await delete_marks(connection, topics)
    await connection.execute(UPSERT_CHECK)


async def delete_marks(connection: Connection, topics: Sequence[str]) -> None:
    """Removes the marks on the service's own `topics`, because the lost states have been recovered."""
    await connection.execute(DELETE_MARKS, topics)
