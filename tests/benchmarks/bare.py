"""The main job written by hand on asyncpg, aiokafka and a bare Starlette front: the cost of that work without our
services.

`python -m tests.benchmarks.bare front|back`, a `Plan` as JSON on standard input; "ready" on standard output.

It does the same work, transaction by transaction: base64 to bytes, the SHA-1 and the size that the request announces,
one parse of the XML up to the patient's identifiers, the SHA-256 by which a second deposit is recognised, zstd,
AES-256-GCM, one transaction per deposit with content, request, metadata and outbox; four outbox relays (ordered read,
idempotent producer, delete after the ack); the consumers decide, publish, alert, ledger and tracking with an inbox,
offsets committed after their transaction; a mail per document. It sends eight messages a document, copies of the
services' messages with equal size, keys and headers; the arrival rate decides the batches of `getmany`. It runs as two
processes.

It does not do: tokens, FHIR and identity checks, the bound on the depth of XML, validation of messages, rules, copies
of neighbours' states and their freshness, locks for the order of a record, dead letters, parking, retries, back-off,
metrics, logs, traces, health. It is not a program for production.

This file is frozen. The services are measured against it, so that figures of today and of next year have the same
denominator: it gains no work, loses none, and is not made faster.
"""

import asyncio
import base64
import hashlib
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from xml.parsers import expat

import aiosmtplib
import asyncpg
import orjson
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DOCUMENTS, DECISIONS, ALERTS, ENTRIES = TOPICS = ("bare.documents", "bare.decisions", "bare.alerts", "bare.entries")
RECEIVED, PUBLISHED = "records.document-received.v1", "records.document-published.v1"
DECIDED, ALERTED, ENTERED = "consent.deposit-decided.v1", "notify.alert-sent.v1", "audit.entry-recorded.v1"
AUDITED = "audited"
HL7 = "urn:hl7-org:v3"
MOST_TAGS = 500_000
SERVICES = ("records", "consent", "notify", "audit")
SCHEMA = "".join(
    f"""
    create table outbox_{name} (id bigint generated always as identity primary key, topic text not null,
      key bytea not null, event_id uuid not null, kind text not null, occurred_at timestamptz not null,
      payload bytea not null);
    create table inbox_{name} (group_name text, event_id uuid, primary key (group_name, event_id));"""
    for name in SERVICES
)
SCHEMA += """
create table documents (id uuid primary key, record_id uuid not null, received_at timestamptz not null,
  settled_at timestamptz, audited_at timestamptz, alert_handled_at timestamptz) with (fillfactor = 80);
create table contents (id uuid primary key, fingerprint bytea not null, metadata bytea not null,
  content bytea not null, request bytea not null);
alter table contents alter column content set storage external, alter column request set storage external;
create table alerts (id uuid primary key, record_id uuid not null, event_id uuid not null, handled_at timestamptz);
create index alerts_due_idx on alerts (id) where handled_at is null;
create table ledger_entries (occurred_at timestamptz, event_id uuid, record_id uuid not null, document_id uuid not null,
  kind text not null, body jsonb not null, recorded_at timestamptz not null, primary key (occurred_at, event_id));
create index ledger_entries_record_id_idx on ledger_entries (record_id, occurred_at);
"""
DEPOSIT = f"""
with document as (insert into documents (id, record_id, received_at) values ($1, $2, $3)),
     content as (insert into contents (id, fingerprint, metadata, content, request) values ($1, $4, $5, $6, $7)),
     sent as (insert into outbox_records (topic, key, event_id, kind, occurred_at, payload)
              values ($8, $9, $10, '{RECEIVED}', $3, $11))
select pg_notify('outbox_records', '')"""
EFFECTS = {
    "consent": "",
    "records": """update documents d set settled_at = occurred_at from fresh join locked on locked.id = document_id
                  where d.id = locked.id""",
    "notify": """insert into alerts (id, record_id, event_id)
                 select document_id, record_id, event_id from fresh returning pg_notify('alerts', '')""",
    "audit": """insert into ledger_entries (occurred_at, event_id, record_id, document_id, kind, body, recorded_at)
                select cause_at, event_id, record_id, document_id, kind, body, occurred_at from fresh""",
    "tracking": f"""update documents d set audited_at = coalesce(d.audited_at, f.audited_at),
                     alert_handled_at = coalesce(d.alert_handled_at, f.alert_handled_at)
                   from (select document_id, max(occurred_at) filter (where kind = '{ALERTED}') as alert_handled_at,
                           max(occurred_at) filter (where kind = '{AUDITED}') as audited_at
                         from fresh group by document_id) f join locked on locked.id = f.document_id
                   where d.id = locked.id""",
}
SENT = f"""
with gone as (update alerts set handled_at = $2 where id = any($1::uuid[]) and handled_at is null),
     sent as (insert into outbox_notify (topic, key, event_id, kind, occurred_at, payload)
              select $3, key, event_id, '{ALERTED}', $2, payload
              from unnest($4::bytea[], $5::uuid[], $6::bytea[]) as told(key, event_id, payload))
select pg_notify('outbox_notify', '')"""


def step(service: str, effect: str, topic: str | None) -> str:
    """Returns one statement for a batch: inbox, effect, outbox."""
    sent = f"""sent as (insert into outbox_{service} (topic, key, event_id, kind, occurred_at, payload)
              select '{topic}', key, next_id, next_kind, occurred_at, payload from fresh order by number),"""
    locked = "locked as materialized (select id from documents where id in (select document_id from fresh) order by id"
    locked = f"{locked} for update)," if "locked" in EFFECTS[effect] else ""
    done = f"done as ({EFFECTS[effect]})," if EFFECTS[effect] else ""
    return f"""
with given as (
  select * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                       $8::jsonb[], $9::bytea[], $10::uuid[], $11::text[], $12::bytea[]) with ordinality
    as given(event_id, record_id, document_id, kind, cause_at, occurred_at, body, key, next_id, next_kind, payload,
             number)
), claimed as (
  insert into inbox_{service} (group_name, event_id) select $1, event_id from given on conflict do nothing
  returning event_id
), fresh as (select given.* from given join claimed using (event_id)),
{locked} {sent if topic else ""} {done} last as (select 1)
select pg_notify('outbox_{service}', '')"""


@dataclass(frozen=True)
class Plan:
    """The addresses of the servers. `samples`: a message of each kind as the services send it: [headers, body]."""

    dsn: str
    bootstrap: str
    username: str
    password: str
    smtp_port: int
    http_port: int
    mail: str
    samples: dict[str, tuple[dict[str, str], dict[str, Any]]]

    @property
    def sasl(self) -> dict[str, str]:
        """The options of aiokafka."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }

    def body(self, kind: str, record_id: uuid.UUID, document_id: uuid.UUID) -> bytes:
        """Returns the body of a message of that kind."""
        return orjson.dumps({**self.samples[kind][1], "record_id": str(record_id), "document_id": str(document_id)})

    def headers(self, kind: str, event_id: uuid.UUID, at: datetime) -> list[tuple[str, bytes]]:
        """Returns headers like those of the services, in number and length."""
        changed = {"ce_id": str(event_id), "ce_time": at.isoformat(), "ce_type": kind}
        return [(name, changed.get(name, value).encode()) for name, value in self.samples[kind][0].items()]


def now() -> datetime:
    return datetime.now(UTC)


def checked(data: str, attachment: dict[str, Any]) -> tuple[bytes, bytes]:
    """Returns the content and its fingerprint. Raises ValueError when size, hash, XML or patient are wrong."""
    content = base64.b64decode(data)
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    if len(content) != attachment["size"] or base64.b64encode(digest).decode() != attachment["hash"]:
        raise ValueError("size or hash")
    if b"\0" in content or content.count(b"<") > MOST_TAGS or not patients_of(content):
        raise ValueError("content")
    return content, hashlib.sha256(content).digest()


def patients_of(content: bytes) -> list[str]:
    """Parses a whole CDA and returns the identifiers of its recordTarget; after it, the handlers are removed."""
    parser = expat.ParserCreate(namespace_separator=" ")
    path: list[str] = []
    extensions: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if name == f"{HL7} id" and path[-3:-1] == [f"{HL7} recordTarget", f"{HL7} patientRole"]:
            extensions.append(attributes["extension"])

    def end(name: str) -> None:
        path.pop()
        if name == f"{HL7} recordTarget":
            parser.StartElementHandler = parser.EndElementHandler = None

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(content, True)
    return extensions


def refuse_doctype(*_: object) -> NoReturn:
    raise ValueError("DOCTYPE")


async def front(plan: Plan) -> None:
    """Serves POST /fhir."""
    cipher = AESGCM(os.urandom(32))
    pool = await asyncpg.create_pool(plan.dsn, min_size=1, max_size=6)
    records = [uuid.uuid4() for _ in range(200)]

    def sealed(plain: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + cipher.encrypt(nonce, zstd.compress(plain, 1), None)

    async def deposit(request: Request) -> Response:
        body = await request.body()
        bundle = orjson.loads(body)
        data = bundle["entry"][2]["resource"].pop("data")
        document_id, at = uuid.uuid4(), now()
        record_id = records[document_id.int % len(records)]
        plain, fingerprint = checked(data, bundle["entry"][1]["resource"]["content"][0]["attachment"])
        content, rest = sealed(plain), sealed(orjson.dumps(bundle))
        metadata = orjson.dumps(bundle["entry"][1])[:900]
        payload = plan.body(RECEIVED, record_id, document_id)
        key = str(record_id).encode()
        await pool.fetchval(
            *(DEPOSIT, document_id, record_id, at, fingerprint, metadata, content, rest),
            *(DOCUMENTS, key, uuid.uuid4(), payload),
        )
        return Response(orjson.dumps({"location": f"DocumentReference/{document_id}"}), 201)

    app = Starlette(routes=[Route("/fhir", deposit, methods=["POST"])])
    config = uvicorn.Config(app, port=plan.http_port, log_config=None, access_log=False, http="httptools")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    await serving


async def relay(plan: Plan, service: str, producer: AIOKafkaProducer) -> None:
    """Sends one outbox, in order."""
    connection = await asyncpg.connect(plan.dsn)
    wake = asyncio.Event()
    await connection.add_listener(f"outbox_{service}", lambda *_: wake.set())
    select = f"select id, topic, key, event_id, kind, occurred_at, payload from outbox_{service} order by id limit 500"
    while True:
        wake.clear()
        if not (rows := await connection.fetch(select)):
            await wake.wait()
            continue
        acks = [
            await producer.send(
                row["topic"],
                row["payload"],
                key=row["key"],
                headers=plan.headers(row["kind"], row["event_id"], row["occurred_at"]),
            )
            for row in rows
        ]
        await asyncio.gather(*acks)
        await connection.execute(f"delete from outbox_{service} where id = any($1::bigint[])", [r["id"] for r in rows])


async def consume(
    plan: Plan, pool: asyncpg.Pool, group: str, topics: list[str], kinds: Mapping[str, str | None], statement: str
) -> None:
    """Runs one group, with one statement per batch. `kinds`: the handled kinds, and the kind that each becomes."""
    async with kafka_consumer(plan, group, topics) as consumer:
        while True:
            batch = [m for part in (await consumer.getmany(timeout_ms=1000)).values() for m in part]
            records = [(m, kind) for m in batch if (kind := dict(m.headers)["ce_type"].decode()) in kinds]
            if records:
                rows = [_row(plan, message, kind, kinds[kind]) for message, kind in records]
                await pool.execute(statement, group, *map(list, zip(*rows, strict=True)))
            if batch:
                await consumer.commit()


@asynccontextmanager
async def kafka_consumer(plan: Plan, group: str, topics: list[str]) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics, group_id=f"bare.{group}", enable_auto_commit=False, auto_offset_reset="earliest", **plan.sasl
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def _row(plan: Plan, message: ConsumerRecord, kind: str, becomes: str | None) -> tuple[Any, ...]:
    """Returns the columns of `step` for one message."""
    headers = dict(message.headers)
    event = orjson.loads(message.value)
    record_id, document_id = uuid.UUID(event["record_id"]), uuid.UUID(event["document_id"])
    cause_at = datetime.fromisoformat(headers["ce_time"].decode())
    column = AUDITED if kind == ENTERED and event["event_type"] == PUBLISHED else kind
    body = plan.body(becomes, record_id, document_id) if becomes else b""
    if becomes == ENTERED:
        body = orjson.dumps({**orjson.loads(body), "event_type": kind})
    event_id = uuid.UUID(headers["ce_id"].decode())
    return (
        *(event_id, record_id, document_id, column, cause_at, now(), message.value.decode()),
        *(message.key, uuid.uuid4(), becomes, body),
    )


async def send_mails(plan: Plan, pool: asyncpg.Pool) -> None:
    """Sends the mails, over four persistent connections to the mail server, in batches of what is due."""
    clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=plan.smtp_port) for _ in range(4)]
    for client in clients:
        await client.connect()
    wake = asyncio.Event()
    listener = await asyncpg.connect(plan.dsn)
    await listener.add_listener("alerts", lambda *_: wake.set())

    async def send(client: aiosmtplib.SMTP, row: asyncpg.Record) -> None:
        await client.sendmail("no-reply@dmp.example", [f"{row['record_id']}@patient.example"], plan.mail)

    while True:
        wake.clear()
        rows = await pool.fetch("select id, record_id, event_id from alerts where handled_at is null limit 50")
        if not rows:
            await wake.wait()
            continue
        shares = [rows[number :: len(clients)] for number in range(len(clients))]
        await asyncio.gather(*(_one_by_one(send, *pair) for pair in zip(clients, shares, strict=True)))
        ids, keys = [row["id"] for row in rows], [str(row["record_id"]).encode() for row in rows]
        payloads = [plan.body(ALERTED, row["record_id"], row["id"]) for row in rows]
        await pool.execute(SENT, ids, now(), ALERTS, keys, [uuid.uuid4() for _ in rows], payloads)


async def _one_by_one(
    send: Callable[[aiosmtplib.SMTP, asyncpg.Record], Awaitable[None]],
    client: aiosmtplib.SMTP,
    rows: list[asyncpg.Record],
) -> None:
    for row in rows:
        await send(client, row)


async def back(plan: Plan) -> None:
    """Runs all parts behind the front."""
    pool = await asyncpg.create_pool(plan.dsn, min_size=1, max_size=8)
    producers = {
        name: AIOKafkaProducer(acks="all", enable_idempotence=True, compression_type="lz4", **plan.sasl)
        for name in SERVICES
    }
    for producer in producers.values():
        await producer.start()
    ledger = dict.fromkeys((RECEIVED, DECIDED, PUBLISHED, ALERTED), ENTERED)
    jobs = [
        *(relay(plan, name, producer) for name, producer in producers.items()),
        consume(plan, pool, "checks", [DOCUMENTS], {RECEIVED: DECIDED}, step("consent", "consent", DECISIONS)),
        consume(plan, pool, "decisions", [DECISIONS], {DECIDED: PUBLISHED}, step("records", "records", DOCUMENTS)),
        consume(plan, pool, "alerts", [DOCUMENTS], {PUBLISHED: None}, step("notify", "notify", None)),
        consume(plan, pool, "ledger", [DOCUMENTS, DECISIONS, ALERTS], ledger, step("audit", "audit", ENTRIES)),
        consume(
            plan,
            pool,
            "tracking",
            [ENTRIES, ALERTS],
            {ENTERED: None, ALERTED: None},
            step("records", "tracking", None),
        ),
        send_mails(plan, pool),
    ]
    print("ready", flush=True)
    await asyncio.gather(*jobs)


if __name__ == "__main__":
    uvloop.run({"front": front, "back": back}[sys.argv[1]](Plan(**orjson.loads(sys.stdin.buffer.readline()))))
