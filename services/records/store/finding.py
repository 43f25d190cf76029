"""Searching a record: which combinations its documents have, and the documents that have one of those permitted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.records.domain.documents import Head
from services.records.domain.facts import Asker, Combination, masked_by, status_of
from services.records.domain.what_if import Written
from services.records.store.reading import head_of
from shared.clock import bucket_of
from shared.db.pool import Connection

# The key names what the rules look at, and both statements make it in the same way. No rule stands here.
SELECT_COMBINATIONS = """
select status || '|' || life || '|' || archived || '|' || type || '|' || class_code || '|' || section
       || '|' || labels::text || '|' || coalesce(masked_by, '') || '|' || shown_to_representatives
       || '|' || coalesce(organisation_id = $3, false) || '|' || coalesce($4 = any(author_ids), false)
       as key, count(*) as documents
from documents where bucket = $1 and record_id = $2 group by 1"""
SELECT_PERMITTED = """
select id, record_id, deposit_id, status, life, archived, masked_by, shown_to_representatives, version,
       changed_at, type, class_code, section, labels, organisation_id, client_id, author_ids, received_at
from documents
where bucket = $1 and record_id = $2 and id < $5
  and (status || '|' || life || '|' || archived || '|' || type || '|' || class_code || '|' || section
       || '|' || labels::text || '|' || coalesce(masked_by, '') || '|' || shown_to_representatives
       || '|' || coalesce(organisation_id = $3, false) || '|' || coalesce($4 = any(author_ids), false)
      ) = any($6::text[])
order by id desc limit $7"""
# For many askers at once: the authors are told, and who deposited it is nobody of them.
SELECT_ALL_COMBINATIONS = """
select status, life, archived, type, class_code, section, labels, masked_by, shown_to_representatives, author_ids,
       count(*) as documents
from documents where bucket = $1 and record_id = $2
group by status, life, archived, type, class_code, section, labels, masked_by, shown_to_representatives, author_ids"""


@dataclass(frozen=True, slots=True)
class Counted:
    """A combination, how many documents have it, and how the store names it."""

    key: str
    combination: Combination
    documents: int


async def load_combinations(connection: Connection, record_id: UUID, asker: Asker) -> list[Counted]:
    """The distinct combinations in a record, for this asker."""
    rows = await connection.fetch(SELECT_COMBINATIONS, bucket_of(record_id), record_id, *_as_asked(asker))
    return [Counted(row["key"], _combination(row["key"]), row["documents"]) for row in rows]


async def count_all(connection: Connection, record_id: UUID) -> Counter[Written]:
    """How many documents of the record have which combination and authors."""
    rows = await connection.fetch(SELECT_ALL_COMBINATIONS, bucket_of(record_id), record_id)
    found: Counter[Written] = Counter()
    for row in rows:
        labels = frozenset(row["labels"])
        combination = Combination(
            status=status_of(row["status"], row["life"], archived=row["archived"]),
            type=row["type"],
            class_code=row["class_code"],
            section=row["section"],
            labels=labels,
            masked_by=masked_by(labels, row["masked_by"]),
            shown_to_representatives=row["shown_to_representatives"],
            own=False,
            author=False,
        )
        found[Written(combination, frozenset(row["author_ids"]))] += row["documents"]
    return found


async def load_permitted(
    connection: Connection, record_id: UUID, asker: Asker, permitted: Sequence[str], before: UUID, limit: int
) -> list[Head]:
    """The documents with a smaller id than `before` that have one of these combinations, newest first."""
    rows = await connection.fetch(
        SELECT_PERMITTED, bucket_of(record_id), record_id, *_as_asked(asker), before, permitted, limit
    )
    return [head_of(row) for row in rows]


def _as_asked(asker: Asker) -> tuple[str | None, str | None]:
    """Whose deposits are the asker's own, and whose writings: of software the one, of a professional the other."""
    return (
        asker.organisation_id if asker.kind == "software" else None,
        asker.id if asker.kind == "professional" else None,
    )


def _combination(key: str) -> Combination:
    status, life, archived, type_, class_code, section, labels, masker, shown, own, author = key.split("|")
    known = frozenset(labels.strip("{}").split(","))
    return Combination(
        status=status_of(status, life, archived=archived == "true"),
        type=type_,
        class_code=class_code,
        section=section,
        labels=known,
        masked_by=masked_by(known, masker or None),
        shown_to_representatives=shown == "true",
        own=own == "true",
        author=author == "true",
    )
