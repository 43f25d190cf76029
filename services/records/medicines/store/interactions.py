"""Stores an operator's table of interactions, and loads it whole."""

from collections.abc import Sequence
from uuid import UUID

from services.records.medicines.domain.interactions import (
    GroupMember,
    Interaction,
    InteractionLevel,
    InteractionTable,
    TableVersion,
)
from services.records.medicines.store.tables import TableInUse
from shared.db.pool import Connection

INSERT_PAIRS = """
insert into interactions (table_id, line, first, second, level, risk, risk_en, advice, advice_en)
select $1, line, first, second, level, risk, risk_en, advice, advice_en
from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
  as pair(line, first, second, level, risk, risk_en, advice, advice_en)"""
INSERT_MEMBERS = """
insert into interaction_members (table_id, line, member_of, substance, atc)
select $1, line, member_of, substance, atc
from unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) as member(line, member_of, substance, atc)"""
SELECT_PAIRS = """
select first, second, level, risk, risk_en, advice, advice_en from interactions where table_id = $1 order by line"""
SELECT_MEMBERS = "select member_of, substance, atc from interaction_members where table_id = $1 order by line"


async def insert_pairs(connection: Connection, table_id: UUID, pairs: Sequence[tuple[int, Interaction]]) -> None:
    """Stores pairs with the numbers of their lines."""
    columns = [
        [number for number, _ in pairs],
        [pair.first for _, pair in pairs],
        [pair.second for _, pair in pairs],
        [pair.level.value for _, pair in pairs],
        [pair.risk for _, pair in pairs],
        [pair.risk_en for _, pair in pairs],
        [pair.advice for _, pair in pairs],
        [pair.advice_en for _, pair in pairs],
    ]
    await connection.execute(INSERT_PAIRS, table_id, *columns)


async def insert_members(connection: Connection, table_id: UUID, members: Sequence[tuple[int, GroupMember]]) -> None:
    """Stores members of groups with the numbers of their lines."""
    columns = [
        [number for number, _ in members],
        [member.group for _, member in members],
        [member.substance for _, member in members],
        [member.atc for _, member in members],
    ]
    await connection.execute(INSERT_MEMBERS, table_id, *columns)


async def load_table(connection: Connection, in_use: TableInUse) -> InteractionTable:
    """Returns the whole table: some thousand rows."""
    pairs = [
        Interaction(**{**row, "level": InteractionLevel(row["level"])})
        for row in await connection.fetch(SELECT_PAIRS, in_use.id)
    ]
    members = [
        GroupMember(row["member_of"], row["substance"], row["atc"])
        for row in await connection.fetch(SELECT_MEMBERS, in_use.id)
    ]
    return InteractionTable(TableVersion(in_use.source, in_use.dated_on), pairs, members)
