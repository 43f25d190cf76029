"""Searches a record: loads its documents' combinations of facts, and the documents of permitted combinations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from services.records.documents.store.summaries import COLUMNS, summary_of
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import (
    AuthoredCombination,
    FactCombination,
    Requester,
    lifecycle_status,
    masker_of,
)
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

# A trigger stores the number of its combination with each document; whether a document is the requester's own depends
# on the requester. Both statements build the key in the same way. There is no access rule here.
SELECT_COMBINATIONS = """
select had.combination_id || '|' || had.mine as key, combinations.facts, had.mine, had.documents
from (
  select combination_id,
    coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
      or coalesce(depositor_id = $5, false) as mine,
    count(*) as documents
  from document_combinations where bucket = $1 and record_id = $2 group by 1, 2
) had
join combinations on combinations.id = had.combination_id"""
SELECT_PERMITTED = f"""
with listed as materialized (
  select document_id
  from document_combinations
  where bucket = $1 and record_id = $2 and document_id < $6
    and combination_id || '|' || (coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
                                  or coalesce(depositor_id = $5, false))
        = any($7::text[])
  order by document_id desc limit $8
)
select {COLUMNS}
from listed join documents d on d.bucket = $1 and d.id = listed.document_id
order by d.id desc"""  # noqa: S608  # a constant
# Serves many imagined readers at once, so the rows have the authors; none of these readers is a depositor.
SELECT_ALL_COMBINATIONS = """
select combinations.facts, had.author_ids, had.documents
from (
  select combination_id, author_ids, count(*) as documents
  from document_combinations where bucket = $1 and record_id = $2 group by combination_id, author_ids
) had
join combinations on combinations.id = had.combination_id"""


@dataclass(frozen=True, slots=True)
class RecordCombinations:
    """The distinct combinations in a record for a requester, and their numbers of documents, by the store's key."""

    facts: dict[str, FactCombination]
    counts: dict[str, int]


async def load_combinations(connection: Connection, record_id: UUID, requester: Requester) -> RecordCombinations:
    """Returns the combinations in a record for this requester."""
    rows = await connection.fetch(SELECT_COMBINATIONS, bucket_of(record_id), record_id, *_ownership_keys(requester))
    return RecordCombinations(
        {row["key"]: _parse_combination(row["facts"], row["mine"]) for row in rows},
        {row["key"]: row["documents"] for row in rows},
    )


async def count_all(connection: Connection, record_id: UUID) -> Counter[AuthoredCombination]:
    """Returns how many documents of the record have each combination of facts and authors."""
    rows = await connection.fetch(SELECT_ALL_COMBINATIONS, bucket_of(record_id), record_id)
    counts: Counter[AuthoredCombination] = Counter()
    for row in rows:
        combination = AuthoredCombination(_parse_combination(row["facts"], False), frozenset(row["author_ids"]))
        counts[combination] += row["documents"]
    return counts


async def load_permitted(
    connection: Connection, record_id: UUID, requester: Requester, permitted: Sequence[str], before: UUID, limit: int
) -> list[DocumentSummary]:
    """Returns the documents with a smaller id than `before` and one of these combinations, newest first."""
    rows = await connection.fetch(
        SELECT_PERMITTED, bucket_of(record_id), record_id, *_ownership_keys(requester), before, permitted, limit
    )
    return [summary_of(row) for row in rows]


def _ownership_keys(requester: Requester) -> tuple[str | None, str | None, str | None]:
    """Returns the organisation, author and depositor whose documents are the requester's own; one of them is set."""
    match requester.kind:
        case "software":
            return requester.organisation_id, None, None
        case "professional":
            return None, requester.id, None
        case _:
            return None, None, requester.id


@lru_cache(maxsize=4096)
def _parse_combination(facts: str, mine: bool) -> FactCombination:
    status, life, archived, type_, class_code, section, labels, masker, shown, depositor, hidden = facts.split("|")
    label_set = frozenset(labels.split(","))
    return FactCombination(
        status=lifecycle_status(status, life, archived=archived == "true"),
        type=type_,
        class_code=class_code,
        section=section,
        labels=label_set,
        masked_by=masker_of(label_set, masker or None),
        shown_to_representatives=shown == "true",
        deposited_by=depositor,
        in_secret=hidden == "true",
        is_own=mine,
    )
