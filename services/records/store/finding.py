"""Searching a record: which combinations its documents have, and the documents that have one of those permitted."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from services.records.domain.documents import Head
from services.records.domain.facts import Asker, Combination, masked_by, status_of
from services.records.domain.what_if import Written
from services.records.store.reading import head_of
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

# The number of its combination stands beside each document, kept by a trigger; whether the document is the asker's own
# depends on who asks. Both statements make the key in the same way; no rule stands here.
SELECT_COMBINATIONS = """
select had.combination_id || '|' || had.mine as key, combinations.facts, had.mine
from (
  select distinct combination_id,
    coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
      or coalesce(depositor_id = $5, false) as mine
  from document_combinations where bucket = $1 and record_id = $2
) had
join combinations on combinations.id = had.combination_id"""
SELECT_PERMITTED = """
with listed as materialized (
  select document_id
  from document_combinations
  where bucket = $1 and record_id = $2 and document_id < $6
    and combination_id || '|' || (coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
                                  or coalesce(depositor_id = $5, false))
        = any($7::text[])
  order by document_id desc limit $8
)
select d.id, d.record_id, d.deposit_id, d.status, d.life, d.archived, d.masked_by, d.shown_to_representatives,
       d.version, d.changed_at, d.type, d.class_code, d.section, d.labels, d.organisation_id, d.client_id, d.author_ids,
       d.received_at, d.deposited_by, d.depositor_id, d.in_secret, d.chain_id
from listed join documents d on d.bucket = $1 and d.id = listed.document_id
order by d.id desc"""
# For many askers at once: the authors are told, and who deposited it is nobody of them.
SELECT_ALL_COMBINATIONS = """
select combinations.facts, had.author_ids, had.documents
from (
  select combination_id, author_ids, count(*) as documents
  from document_combinations where bucket = $1 and record_id = $2 group by combination_id, author_ids
) had
join combinations on combinations.id = had.combination_id"""


async def load_combinations(connection: Connection, record_id: UUID, asker: Asker) -> dict[str, Combination]:
    """The distinct combinations in a record, for this asker, by the store's name of each."""
    rows = await connection.fetch(SELECT_COMBINATIONS, bucket_of(record_id), record_id, *_as_asked(asker))
    return {key: _combination(facts, mine) for key, facts, mine in rows}


async def count_all(connection: Connection, record_id: UUID) -> Counter[Written]:
    """How many documents of the record have which combination and authors."""
    rows = await connection.fetch(SELECT_ALL_COMBINATIONS, bucket_of(record_id), record_id)
    found: Counter[Written] = Counter()
    for facts, author_ids, documents in rows:
        found[Written(_combination(facts, False), frozenset(author_ids))] += documents
    return found


async def load_permitted(
    connection: Connection, record_id: UUID, asker: Asker, permitted: Sequence[str], before: UUID, limit: int
) -> list[Head]:
    """The documents with a smaller id than `before` that have one of these combinations, newest first."""
    rows = await connection.fetch(
        SELECT_PERMITTED, bucket_of(record_id), record_id, *_as_asked(asker), before, permitted, limit
    )
    return [head_of(row) for row in rows]


def _as_asked(asker: Asker) -> tuple[str | None, str | None, str | None]:
    """By what documents are the asker's own: an organisation's deposits, a professional's writings, one's deposits."""
    match asker.kind:
        case "software":
            return asker.organisation_id, None, None
        case "professional":
            return None, asker.id, None
        case _:
            return None, None, asker.id


@lru_cache(maxsize=4096)
def _combination(facts: str, mine: bool) -> Combination:
    status, life, archived, type_, class_code, section, labels, masker, shown, depositor, hidden = facts.split("|")
    known = frozenset(labels.split(","))
    return Combination(
        status=status_of(status, life, archived=archived == "true"),
        type=type_,
        class_code=class_code,
        section=section,
        labels=known,
        masked_by=masked_by(known, masker or None),
        shown_to_representatives=shown == "true",
        deposited_by=depositor,
        in_secret=hidden == "true",
        mine=mine,
    )
