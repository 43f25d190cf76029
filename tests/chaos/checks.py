"""Conditions once everything is handled, checked in the databases, on the topics and in the mail folder."""

import asyncio
import email.parser
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from shared.contracts.consent import DepositDecided
from shared.contracts.notify import AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import DocumentPublished, DocumentReceived
from shared.contracts.topics import RECORDS_DOCUMENTS
from tests.chaos.topic_records import headers_of, partitions_of, read_to_end, topic_reader
from tests.infra.records.depositing import Result

SETTLED_WITHIN_S = 30.0
EXAMPLES = 5
ALERT_WIRES = tuple(event.ce_type for event in (AlertSent, AlertFailed, AlertWithheld, AlertUnwanted))
LEDGER_KINDS = {
    "received": (DocumentReceived.ce_type,),
    "decided": (DepositDecided.ce_type,),
    "published": (DocumentPublished.ce_type,),
    "alert": ALERT_WIRES,
}
DOCUMENTS = """
select id, status, alert_handled_at is not null as told, audited_at is not null as audited,
       extract(epoch from settled_at - received_at)::float8 as published_after_s
from documents where received_at >= $1"""
ENTRIES = """
select document_id, event_type, count(*) as count from ledger_entries
where occurred_at >= $1 and document_id is not null group by document_id, event_type"""
ALERTS = """
select document_id, status, coalesce(sent_with, id) as told_in from alerts
where kind = 'document' and caused_at >= $1"""
OUTBOX, PARKED = "select count(*) from outbox", "select count(*) from parked_messages"


@dataclass(frozen=True)
class Check:
    """One condition. `holds` None: reported without judgement."""

    name: str
    wanted: str
    measured: str
    holds: bool | None
    examples: tuple[str, ...] = ()


def equal(name: str, wanted: int, counted: int, examples: Iterable[object] = ()) -> Check:
    """Returns the check that two numbers are equal."""
    shown = tuple(str(example) for example in list(examples)[:EXAMPLES])
    return Check(name, str(wanted), str(counted), wanted == counted and not shown, shown)


async def check_everything(stack: Stack, since: float, results: Sequence[Result]) -> list[Check]:
    """Returns all checks about everything deposited since then."""
    moment = datetime.fromtimestamp(since, UTC)
    accepted = {UUID(result.document_id) for result in results if result.status in (200, 201) and result.document_id}
    plumbing = await check_plumbing(stack)
    documents = await _fetch(stack, "records", DOCUMENTS, moment)
    entries = await _fetch(stack, "audit", ENTRIES, moment)
    alerts = await _fetch(stack, "notify", ALERTS, moment)
    published = await asyncio.to_thread(published_events, stack)
    mails = await asyncio.to_thread(message_ids, stack.layout.mail)
    return [
        equal("deposits accepted", len(results), len(accepted), _refused(results)),
        equal("documents kept, none without its answer", len(accepted), len(documents), _strange(accepted, documents)),
        *check_documents(accepted, documents),
        *check_published(accepted, published),
        *(check_entries(kind, wires, accepted, entries) for kind, wires in LEDGER_KINDS.items()),
        *check_mails(accepted, alerts, mails),
        *plumbing,
    ]


def check_documents(accepted: set[UUID], documents: Sequence[asyncpg.Record]) -> list[Check]:
    """Checks the documents as the depositor can follow them."""
    rows = [row for row in documents if row["id"] in accepted]
    longest = max((row["published_after_s"] or 0 for row in rows), default=0)
    return [
        equal("documents published", len(accepted), sum(row["status"] == "published" for row in rows)),
        equal("tracked: audited", len(accepted), sum(row["audited"] for row in rows)),
        equal("tracked: alert handled", len(accepted), sum(row["told"] for row in rows)),
        Check("longest from accepted to published", "reported", f"{longest:.1f} s", None),
    ]


def check_published(accepted: set[UUID], published: dict[UUID, Counter[str]]) -> list[Check]:
    """Checks that each document has one event id. A relay killed before its delete may have sent it again."""
    once = {document for document, ids in published.items() if len(ids) == 1}
    again = sum(count - 1 for ids in published.values() for count in ids.values())
    doubled = [f"{document}: {sorted(ids)}" for document, ids in published.items() if len(ids) > 1]
    return [
        equal("DocumentPublished once per document on its topic", len(accepted), len(accepted & once), doubled),
        Check("... of these sent twice by the relay (same event id)", "few", str(again), None),
    ]


def check_entries(kind: str, wires: tuple[str, ...], accepted: set[UUID], entries: Sequence[asyncpg.Record]) -> Check:
    """Checks that each document has one entry of the kind."""
    counts = Counter[UUID]()
    for row in entries:
        if row["event_type"] in wires:
            counts[row["document_id"]] += row["count"]
    wrong = [f"{document}: {counts[document]} entries" for document in accepted if counts[document] != 1]
    return equal(f"ledger: {kind}, one entry each", len(accepted), len(accepted) - len(wrong), wrong)


def check_mails(accepted: set[UUID], alerts: Sequence[asyncpg.Record], mails: Counter[str]) -> list[Check]:
    """Checks that each document has one finished alert, and that the mail of each sent alert exists.

    Extra mails were sent right before a sender was killed; their alerts went out again in another mail.
    """
    counts = Counter(row["document_id"] for row in alerts)
    done = [row for row in alerts if row["status"] != "queued" and row["document_id"] in accepted]
    told_in = {str(row["told_in"]) for row in alerts if row["status"] == "sent"}
    caught = {message_id.strip("<>").partition("@")[0] for message_id in mails}
    doubled = [f"{document}: {counts[document]} alerts" for document in accepted if counts[document] != 1]
    return [
        equal("alerts handled, one each", len(accepted), len(done), doubled),
        equal("mails of alerts sent, caught (Message-ID)", len(told_in), len(told_in & caught), told_in - caught),
        Check("mails sent twice (same Message-ID)", "few", str(sum(count - 1 for count in mails.values())), None),
        Check("mails that tell again of alerts sent in another", "few", str(len(caught - told_in)), None),
    ]


async def check_plumbing(stack: Stack) -> list[Check]:
    """Checks that nothing waits. Outboxes get some seconds for heartbeats and late acknowledgements."""
    parked = {name: (await _fetch(stack, name, PARKED))[0][0] for name in NAMES}
    waiting = {name: await _drained(stack, name) for name in NAMES}
    return [
        equal("messages in outboxes", 0, sum(waiting.values()), (f"{n}: {c}" for n, c in waiting.items() if c)),
        equal("messages parked or dead", 0, sum(parked.values()), (f"{n}: {c}" for n, c in parked.items() if c)),
    ]


async def _drained(stack: Stack, service: str) -> int:
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        [(count,)] = await _fetch(stack, service, OUTBOX)
        if not count or time.monotonic() > deadline:
            return int(count)
        await asyncio.sleep(0.2)


def published_events(stack: Stack) -> dict[UUID, Counter[str]]:
    """Returns document -> event ids of its DocumentPublished, with the number of records of each on the topic."""
    event_ids: dict[UUID, Counter[str]] = {}
    with topic_reader(stack) as consumer:
        for message in read_to_end(consumer, partitions_of(consumer, [RECORDS_DOCUMENTS.name])):
            if (headers := headers_of(message)).get("ce_type") == DocumentPublished.ce_type.encode():
                document = DocumentPublished.model_validate_json(message.value() or b"").document_id
                event_ids.setdefault(document, Counter())[headers["ce_id"].decode()] += 1
    return event_ids


def message_ids(folder: Path) -> Counter[str]:
    """Returns how often each Message-ID was caught."""
    parser = email.parser.BytesHeaderParser()
    return Counter(str(parser.parsebytes(path.read_bytes())["message-id"]) for path in folder.glob("*.eml"))


def _refused(results: Sequence[Result]) -> list[str]:
    return [f"{result.status} {result.problem}" for result in results if result.status not in (200, 201)]


def _strange(accepted: set[UUID], documents: Sequence[asyncpg.Record]) -> list[str]:
    kept = {row["id"] for row in documents}
    return [f"lost: {document_id}" for document_id in accepted - kept] + [
        f"unanswered: {document_id}" for document_id in kept - accepted
    ]


async def _fetch(stack: Stack, database: str, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(stack.postgres.dsn(database))
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


def show_checks(console: Console, title: str, checks: Iterable[Check]) -> None:
    """Prints a table of the checks, then examples of what breaks them."""
    table, examples = Table(title, "wanted", "found", ""), list[str]()
    for check in checks:
        mark = "" if check.holds is None else "[green]holds[/green]" if check.holds else "[red]BROKEN[/red]"
        table.add_row(check.name, check.wanted, check.measured, mark)
        examples += [f"[red]{check.name}[/red]: {example}" for example in check.examples]
    console.print(table)
    for example in examples:
        console.print(example)
