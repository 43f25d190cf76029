"""Contacts stated for people who have another contact on file, as keyed hashes."""

from collections.abc import Sequence
from datetime import datetime

from services.identity.openings.domain.proposals import ContactProposal
from shared.db.pool import Connection

SELECT_PROPOSALS = """
select person, contact_hash, code_hash, proposed_at, counts_from, objected_at from contact_proposals
where person = any($1::text[]) and expires_at > $2"""


async def load_proposals(connection: Connection, persons: Sequence[str], now: datetime) -> list[ContactProposal]:
    """Returns the proposals for one person, given all fingerprints of their number."""
    return [ContactProposal(**row) for row in await connection.fetch(SELECT_PROPOSALS, persons, now)]


INSERT_PROPOSAL = """
insert into contact_proposals (person, contact_hash, code_hash, proposed_at, counts_from, expires_at)
values ($1, $2, $3, $4, $5, $6)
on conflict on constraint contact_proposals_pkey do update
set code_hash = excluded.code_hash, proposed_at = excluded.proposed_at, counts_from = excluded.counts_from,
    objected_at = null, expires_at = excluded.expires_at
where contact_proposals.expires_at <= excluded.proposed_at
returning person"""


async def insert_proposal(connection: Connection, new: ContactProposal) -> bool:
    """Inserts a proposal; an expired one is replaced. Returns False if an unexpired one exists."""
    inserted = await connection.fetchval(
        INSERT_PROPOSAL,
        new.person,
        new.contact_hash,
        new.code_hash,
        new.proposed_at,
        new.counts_from,
        new.expires_at,
    )
    return inserted is not None


SET_OBJECTED = """
update contact_proposals set objected_at = coalesce(objected_at, $3)
where person = any($1::text[]) and code_hash = any($2::text[]) and expires_at > $3
returning counts_from"""


async def set_objected(
    connection: Connection, persons: Sequence[str], code_hashes: Sequence[str], now: datetime
) -> datetime | None:
    """Marks the proposal with this code as objected to. Returns when it came, or would have come, into force; None for
    an unknown code."""
    counts_from: datetime | None = await connection.fetchval(SET_OBJECTED, persons, code_hashes, now)
    return counts_from


DELETE_PROPOSALS = "delete from contact_proposals where person = any($1::text[]) returning person"


async def delete_proposals(connection: Connection, persons: Sequence[str]) -> int:
    """Deletes the proposals for an erased person. Returns how many."""
    return len(await connection.fetch(DELETE_PROPOSALS, persons))


SWEEP_PROPOSALS = """
delete from contact_proposals where (person, contact_hash) in (
  select person, contact_hash from contact_proposals where expires_at < $1 order by expires_at limit $2)"""
