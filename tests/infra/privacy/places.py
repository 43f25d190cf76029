"""What operators can read of a running installation: name of the place -> bytes."""

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from tests.infra.platform.postgres_tools import run_tool

Places = dict[str, bytes]
SELECT_TABLES = """
select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'"""
SYSTEM_VIEWS = ("pg_stats", "pg_stat_activity", "pg_description", "pg_settings", "pg_prepared_xacts", "pg_cursors")
"""Views of PostgreSQL that hold samples of rows, and the texts of statements."""

_BYTES = re.compile(rb"\\\\x((?:[0-9a-f]{2})+)")
"""A value of bytes as COPY writes it."""


async def topics(options: Mapping[str, Any], prefix: str = "") -> Places:
    """Returns keys, headers and values of all records of every topic, internal ones and dead letters included.

    `options`: the connection of somebody who may read them all. `prefix`: what the names of the topics begin with.
    """
    partitions = await _partitions(options, prefix)
    contents = {partition.topic: io.BytesIO() for partition in partitions}
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    headers = (part for name, value in record.headers for part in (name.encode(), value))
                    write_all(contents[partition.topic], (record.key, record.value, *headers))
    finally:
        await consumer.stop()
    return {f"topic {name}": content.getvalue() for name, content in contents.items()}


async def _partitions(options: Mapping[str, Any], prefix: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]]


async def tables(connection: "asyncpg.Connection[Any]", database: str) -> Places:
    """Returns all values of every table and view, and of the system's views that show data."""
    names = [row["name"] for row in await connection.fetch(SELECT_TABLES)]
    places = {}
    for name in (*names, *SYSTEM_VIEWS):
        content = io.BytesIO()
        await connection.copy_from_query(f"select * from {name}", output=content)
        write_all(content, (bytes.fromhex(digits.decode()) for digits in _BYTES.findall(content.getvalue())))
        places[f"table {database} {name}"] = content.getvalue()
    return places


async def metrics(urls: Mapping[str, str]) -> Places:
    """Returns the pages of metrics; `urls`: by process."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        answers = {name: await client.get(url) for name, url in urls.items()}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {f"metrics {name}": answer.content for name, answer in answers.items()}


def metrics_urls(stack: Stack) -> dict[str, str]:
    """Returns where each process shows its metrics."""
    names = [f"{service}-{role}" for service in SERVICES for role in ("metrics", "worker")]
    return {
        name: f"http://127.0.0.1:{stack.ports[name]}/metrics" for name in (*names, "records-mllp", "records-extract")
    }


def files(folder: Path, besides: Iterable[Path] = ()) -> Places:
    """Returns names and contents of all files in a folder and its folders; `besides`: folders that are left out."""
    left_out = tuple(besides)
    places = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(other) for other in left_out):
            content = io.BytesIO()
            write_all(content, (str(path.relative_to(folder)).encode(), path.read_bytes()))
            places[f"file {path.relative_to(folder)}"] = content.getvalue()
    return places


def processes(pids: Mapping[str, int]) -> Places:
    """Returns command lines, environments and names of open files of processes."""
    places = {}
    for name, pid in pids.items():
        folder = Path(f"/proc/{pid}")
        lines = [(folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()]
        for link in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                lines.append(bytes(link.readlink()))
        places[f"process {name}"] = b"\n".join(lines)
    return places


async def dump(dsn: str, database: str) -> Places:
    """Returns a readable backup of a database."""
    text = await run_tool("pg_dump", f"--dbname={dsn}")
    return {f"dump {database}": text.encode()}


def write_all(target: io.BytesIO, values: Iterable[bytes | None]) -> None:
    """Writes values line by line; of compressed ones their contents as well."""
    for value in values:
        for part in _expanded(value or b""):
            target.write(part + b"\n")


def _expanded(value: bytes) -> Iterator[bytes]:
    yield value
    for expand in (_inflated, _unzipped):
        yield from expand(value)


def _inflated(value: bytes) -> Iterator[bytes]:
    """Yields the content of gzip and zlib."""
    if value[:2] == b"\x1f\x8b" or value[:1] == b"\x78":
        try:
            yield zlib.decompress(value, wbits=47)
        except zlib.error:
            return


def _unzipped(value: bytes) -> Iterator[bytes]:
    if value[:2] == b"PK":
        try:
            with zipfile.ZipFile(io.BytesIO(value)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        except zipfile.BadZipFile:
            return
