"""Takes lines to the records of their persons, with the keys under which they are stored there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.records.reimbursements.domain.lines import ReimbursementLine
from services.records.reimbursements.domain.retention import month_of, oldest_day
from services.records.reimbursements.domain.sealed_lines import line_fingerprints, line_key, line_keys_key
from services.records.reimbursements.domain.versions import ArrivedLine
from services.records.reimbursements.store import lines as store
from services.records.reimbursements.store.lines import FoundRecord
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.erasure.erased_records import erased_among
from shared.values import Ins

Dropped = Literal["unknown", "closed"]
"""Why a line is dropped: nobody's open record."""


@dataclass(frozen=True)
class FillContext:
    """The keys and the parameter that storing lines needs. `feed`: the insurance's ring, which makes the keys of lines
    whose person is not known yet; `months`: the time for which lines are kept."""

    vault: Vault
    ins: Keyring
    feed: Keyring
    months: int


@dataclass(frozen=True, slots=True)
class LineSource:
    """A file, or a day of the continuous feed: the cause of one ledger entry for each record."""

    id: UUID
    time: datetime
    trace: str


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record that takes lines, with its data key and the key of its line keys."""

    record: FoundRecord
    data_key: bytes
    keys_key: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line at its record. `feed_keys`: its key in the feed under each key of the ring, the active one first."""

    opened: OpenedRecord
    line: ArrivedLine
    feed_keys: Sequence[bytes]


async def take_to_records(
    connection: Connection, context: FillContext, lines: Sequence[ReimbursementLine], today: date
) -> tuple[list[Arrival], Counter[str]]:
    """Returns the lines that records take, in their order, and counts the others: unknown person, closed record.

    No record of them becomes erased before this transaction ends.
    """
    fingerprints = {line.ins: context.ins.fingerprints(*ins_parts(line.ins)) for line in lines}
    records = await store.find_records(connection, [text for texts in fingerprints.values() for text in texts])
    erased = await erased_among(connection, {record.id for record in records.values()}) if records else set()
    opened: dict[UUID, OpenedRecord] = {}
    arrivals: list[Arrival] = []
    dropped: Counter[Dropped] = Counter()
    oldest = oldest_day(today, context.months)
    for line in lines:
        record = _record_of(fingerprints, records, line.ins)
        if record is None or record.id in erased:
            dropped["unknown"] += 1
        elif record.status != "open":
            dropped["closed"] += 1
        else:
            if record.id not in opened:
                opened[record.id] = _open(context.vault, record)
            arrivals.append(_arrival(context, opened[record.id], line, oldest))
    return arrivals, Counter[str](dropped)


def _record_of(
    fingerprints: Mapping[Ins, Sequence[str]], records: Mapping[str, FoundRecord], ins: Ins
) -> FoundRecord | None:
    return next((records[text] for text in fingerprints[ins] if text in records), None)


def _open(vault: Vault, record: FoundRecord) -> OpenedRecord:
    data_key = vault.unwrap(record.id, record.key)
    return OpenedRecord(record, data_key, line_keys_key(data_key))


def _arrival(context: FillContext, opened: OpenedRecord, line: ReimbursementLine, oldest: date) -> Arrival:
    arrived = ArrivedLine(
        key=line_key(opened.keys_key, line.name),
        month=month_of(line.day),
        version=line.version,
        kind=None if line.care is None else line.care.kind,
        care=None if line.care is None else line.care.as_json(),
        is_expired=line.day < oldest,
        is_confidential=line.care is not None and line.care.confidential,
    )
    return Arrival(opened, arrived, line_fingerprints(context.feed, line.name))
