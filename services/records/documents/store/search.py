"""Searches a record: loads its documents' combinations of facts, and the documents of permitted combinations."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from services.records.documents.domain.filters import CarePeriod
from services.records.documents.domain.search import CombinationSize, PageStart
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
# on the requester. All statements build the key in the same way. There is no access rule here. A document whose day of
# care is not filled yet may be of any period: its metadata decide. A version of the summary sheet is counted and listed
# by itself, because what it cites decides who sees it.
SELECT_COMBINATIONS = """
select had.combination_id || '|' || had.mine || coalesce('|' || had.sheet_id, '') as key, combinations.facts, had.mine,
       had.documents, had.newest, had.new, had.sheet_id
from (
  select combination_id,
    coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
      or coalesce(depositor_id = $5, false) as mine,
    case when cites is not null then document_id end as sheet_id,
    count(*) as documents, max(care_on) as newest, count(*) filter (where published_at > $8) as new
  from document_combinations
  where bucket = $1 and record_id = $2 and (care_on is null or care_on between $6 and $7)
  group by 1, 2, 3
) had
join combinations on combinations.id = had.combination_id"""
SELECT_PERMITTED = f"""
with listed as materialized (
  select document_id
  from document_combinations
  where bucket = $1 and record_id = $2 and document_id < $6
    and (case
           when coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
             or coalesce(depositor_id = $5, false)
           then combination_id = any($7::bigint[]) else combination_id = any($8::bigint[]) end
         or document_id = any($12::uuid[]))
    and (care_on is null or care_on between $9 and $10)
  order by document_id desc limit $11
)
select {COLUMNS}
from listed join documents d on d.bucket = $1 and d.id = listed.document_id
order by d.id desc"""  # noqa: S608  # a constant
SELECT_PERMITTED_BY_CARE = f"""
with listed as materialized (
  select document_id
  from document_combinations
  where bucket = $1 and record_id = $2 and (coalesce(care_on, '-infinity'), document_id) < ($13::date, $6)
    and (case
           when coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
             or coalesce(depositor_id = $5, false)
           then combination_id = any($7::bigint[]) else combination_id = any($8::bigint[]) end
         or document_id = any($12::uuid[]))
    and (care_on is null or care_on between $9 and $10)
  order by coalesce(care_on, '-infinity') desc, document_id desc limit $11
)
select {COLUMNS}
from listed join documents d on d.bucket = $1 and d.id = listed.document_id
order by coalesce(d.care_on, '-infinity') desc, d.id desc"""  # noqa: S608  # a constant
# The documents that each of these versions of the summary sheet cites; null: the document is not in the record.
SELECT_CITED = """
select sheet.document_id as sheet_id, cited.id as cited_id, combinations.facts,
       coalesce(had.organisation_id = $3, false) or coalesce($4 = any(had.author_ids), false)
         or coalesce(had.depositor_id = $5, false) as mine
from document_combinations sheet
cross join lateral unnest(sheet.cites) as cited(id)
left join document_combinations had on had.bucket = $1 and had.record_id = $2 and had.document_id = cited.id
left join combinations on combinations.id = had.combination_id
where sheet.bucket = $1 and sheet.record_id = $2 and sheet.document_id = any($6::uuid[])"""
COUNT_PERMITTED_AMONG = """
select count(*) from document_combinations
where bucket = $1 and record_id = $2 and document_id = any($6::uuid[])
  and (case
         when coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
           or coalesce(depositor_id = $5, false)
         then combination_id = any($7::bigint[]) else combination_id = any($8::bigint[]) end
       or document_id = any($9::uuid[]))"""
# Serves many imagined readers at once, so the rows have the authors; none of these readers is a depositor.
SELECT_ALL_COMBINATIONS = """
select combinations.facts, had.author_ids, had.documents
from (
  select combination_id, author_ids, count(*) as documents
  from document_combinations
  where bucket = $1 and record_id = $2 and cites is null group by combination_id, author_ids
) had
join combinations on combinations.id = had.combination_id"""


@dataclass(frozen=True, slots=True)
class PageBounds:
    """A page: what follows `start` in its order, of a period of care, at most `limit` documents."""

    start: PageStart
    period: CarePeriod
    limit: int


@dataclass(frozen=True, slots=True)
class RecordCombinations:
    """The distinct combinations in a record for a requester, and the sizes of each, by the store's key.

    `cited`: of each version of the summary sheet, the combinations of the documents that it cites.
    """

    facts: dict[str, FactCombination]
    sizes: dict[str, CombinationSize]
    cited: dict[str, dict[UUID, FactCombination | None]]


async def load_combinations(
    connection: Connection,
    record_id: UUID,
    requester: Requester,
    period: CarePeriod,
    since: datetime | None = None,
) -> RecordCombinations:
    """Returns the combinations of the documents of a period of care, for this requester.

    `since`: what was published after it counts as new; None: nothing does.
    """
    rows = await connection.fetch(
        SELECT_COMBINATIONS,
        bucket_of(record_id),
        record_id,
        *ownership_keys(requester),
        period.first,
        period.last,
        since,
    )
    sheets = {row["sheet_id"]: row["key"] for row in rows if row["sheet_id"] is not None}
    return RecordCombinations(
        {row["key"]: _parse_combination(row["facts"], row["mine"]) for row in rows},
        {row["key"]: CombinationSize(row["documents"], row["newest"], row["new"]) for row in rows},
        await _load_cited(connection, record_id, requester, sheets) if sheets else {},
    )


async def _load_cited(
    connection: Connection, record_id: UUID, requester: Requester, sheets: Mapping[UUID, str]
) -> dict[str, dict[UUID, FactCombination | None]]:
    keys = ownership_keys(requester)
    rows = await connection.fetch(SELECT_CITED, bucket_of(record_id), record_id, *keys, list(sheets))
    cited: dict[str, dict[UUID, FactCombination | None]] = {key: {} for key in sheets.values()}
    for row in rows:
        combination = None if row["facts"] is None else _parse_combination(row["facts"], row["mine"])
        cited[sheets[row["sheet_id"]]][row["cited_id"]] = combination
    return cited


async def count_all(connection: Connection, record_id: UUID) -> Counter[AuthoredCombination]:
    """Returns how many documents of the record have each combination of facts and authors."""
    rows = await connection.fetch(SELECT_ALL_COMBINATIONS, bucket_of(record_id), record_id)
    counts: Counter[AuthoredCombination] = Counter()
    for row in rows:
        combination = AuthoredCombination(_parse_combination(row["facts"], False), frozenset(row["author_ids"]))
        counts[combination] += row["documents"]
    return counts


async def load_permitted(
    connection: Connection, record_id: UUID, requester: Requester, permitted: Sequence[str], page: PageBounds
) -> list[DocumentSummary]:
    """Returns the documents of the page that have one of these combinations, in its order."""
    start, days = page.start.id, (page.period.first, page.period.last)
    keys, ownership = parse_keys(permitted), ownership_keys(requester)
    numbers = (keys.mine, keys.others)
    arguments = (bucket_of(record_id), record_id, *ownership, start, *numbers, *days, page.limit, keys.sheets)
    if page.start.care_on is None:
        rows = await connection.fetch(SELECT_PERMITTED, *arguments)
    else:
        rows = await connection.fetch(SELECT_PERMITTED_BY_CARE, *arguments, page.start.care_on)
    return [summary_of(row) for row in rows]


class CombinationKeys(NamedTuple):
    """The numbers of combinations, of the requester's own documents and of others, and versions of the sheet."""

    mine: list[int]
    others: list[int]
    sheets: list[UUID]


def parse_keys(keys: Iterable[str]) -> CombinationKeys:
    """Returns what the keys of `load_combinations` name."""
    parsed = CombinationKeys([], [], [])
    for key in keys:
        number, mine, *sheet = key.split("|")
        if sheet:
            parsed.sheets.append(UUID(sheet[0]))
        else:
            (parsed.mine if mine == "true" else parsed.others).append(int(number))
    return parsed


async def count_permitted_among(
    connection: Connection, record_id: UUID, requester: Requester, permitted: Sequence[str], ids: Sequence[UUID]
) -> int:
    """Returns how many of these documents are in the record and have one of these combinations."""
    counted: int = await connection.fetchval(
        COUNT_PERMITTED_AMONG,
        *(bucket_of(record_id), record_id, *ownership_keys(requester), ids, *parse_keys(permitted)),
    )
    return counted


def sheet_of(key: str) -> UUID | None:
    """Returns the version of the summary sheet that a key of `load_combinations` names."""
    return next(iter(parse_keys([key]).sheets), None)


def ownership_keys(requester: Requester) -> tuple[str | None, str | None, str | None]:
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
    status, life, archived, type_, class_code, section, labels, masker, shown, depositor, hidden, *sheet = facts.split(
        "|"
    )
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
        citations="unchecked" if sheet else "none",
    )
