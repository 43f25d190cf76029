"""The search for texts about people can fail: what is planted is found, in each encoding and kind of place."""

import asyncio
import base64
import gzip
import io
import json
import sys
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from shared.contracts.topics import GROUPS
from tests.conftest import NewDatabase
from tests.infra.platform.topics import Topics, client_options
from tests.infra.privacy.needles import Leak, Needles, document_texts, texts_about_people
from tests.infra.privacy.places import Places, dump, files, metrics, processes, tables, topics, write_all

NAME, INS = "Éloïse ROSEMBOIS", "258039999998943"
NEEDLES = Needles(texts_about_people([NAME, INS]))
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda raw: raw,
    "upper case": lambda raw: raw.decode().upper().encode(),
    "lower case": lambda raw: raw.decode().lower().encode(),
    "latin-1": lambda raw: raw.decode().encode("latin-1"),
    "base64": base64.b64encode,
    "base64 for URLs, one byte later": lambda raw: base64.urlsafe_b64encode(b"x" + raw),
    "base64, two bytes later": lambda raw: base64.b64encode(b"xy" + raw),
    "hexadecimal": lambda raw: raw.hex().encode(),
    "in a URL": lambda raw: quote(raw.decode()).encode(),
    "in JSON": lambda raw: json.dumps({"x": raw.decode()}).encode(),
    "in XML": lambda raw: raw.decode().encode("ascii", "xmlcharrefreplace"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
}


def zipped(raw: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/document.xml", raw)
    return content.getvalue()


def leaks(places: Places, folder: Path) -> set[Leak]:
    folder.mkdir()
    return NEEDLES.leaks(places, folder)


@pytest.mark.parametrize("encode", [*ENCODINGS.values(), zipped], ids=[*ENCODINGS, "zip"])
def test_a_text_is_found_in_each_encoding(encode: Callable[[bytes], bytes], tmp_path: Path) -> None:
    content = io.BytesIO()
    write_all(content, [b"\x00\xff before ", encode(NAME.encode()), b" after"])
    assert Leak("place", NAME) in leaks({"place": content.getvalue()}, tmp_path / "read")


@pytest.mark.parametrize("text", [*sorted(texts_about_people([]))], ids=lambda text: text[:20])
def test_each_text_of_the_demonstration_is_found(text: str, tmp_path: Path) -> None:
    assert Leak("place", text) in leaks({"place": f"({text})".encode()}, tmp_path / "read")


def test_an_ins_that_nobody_listed_is_found_by_its_form(tmp_path: Path) -> None:
    assert leaks({"place": b"ins=267059999985658;"}, tmp_path / "read") == {Leak("place", "an INS")}
    assert leaks({"other": b"at=267059999985657;"}, tmp_path / "again") == set()


def test_the_documents_have_texts_to_look_for() -> None:
    assert len(document_texts()) > 20


async def in_a_topic(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    await kafka.put_raw(GROUPS[0].dead_letters, b"{}", b"key", {"error": INS})
    return await topics(client_options(kafka.parts, "admin"), kafka.prefix)


async def in_a_key_of_a_topic(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    await kafka.put_raw("records.documents.v1", b"{}", INS.encode())
    return await topics(client_options(kafka.parts, "admin"), kafka.prefix)


async def in_a_column(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    connection = await asyncpg.connect((await new_database("consent")).owner_dsn)
    try:
        await connection.execute("insert into key_uses (ring, kid) values ('contacts', $1)", INS)
        return await tables(connection, "consent")
    finally:
        await connection.close()


async def in_bytes_of_a_column(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    connection = await asyncpg.connect((await new_database("consent")).owner_dsn)
    try:
        insert = """insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
                    values ('x', '\\x00', gen_random_uuid(), '', '', '', now(), $1)"""
        await connection.execute(insert, zlib.compress(INS.encode()))
        return await tables(connection, "consent")
    finally:
        await connection.close()


async def in_a_backup(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    database = await new_database("consent")
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await connection.execute("insert into key_uses (ring, kid) values ('contacts', $1)", INS)
    finally:
        await connection.close()
    return await dump(database.owner_dsn, "consent")


async def in_a_metric(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    async with page(f'refusals_total{{action="{INS}"}} 1\n') as url:
        return await metrics({"x": url})


async def in_a_log(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    (folder / "records-api.log").write_text(f'{{"event": "request.failed", "route": "/x?ins={INS}"}}\n')
    return files(folder)


async def in_a_name_of_a_file(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    (folder / f"{INS}.p7m").touch()
    return files(folder)


async def in_a_command_line(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    return await of_a_process(folder, [INS], {})


async def in_an_environment(kafka: Topics, new_database: NewDatabase, folder: Path) -> Places:
    return await of_a_process(folder, [], {"SETTING": INS})


async def of_a_process(folder: Path, arguments: list[str], environment: dict[str, str]) -> Places:
    program = "import sys; print(flush=True); sys.stdin.read()"
    pipe = asyncio.subprocess.PIPE
    words = (sys.executable, "-c", program, *arguments)
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, env=environment)
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        return processes({"x": process.pid})
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def page(text: str) -> AsyncIterator[str]:
    """Serves one page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"


@pytest.mark.parametrize(
    "plant",
    [
        *(in_a_topic, in_a_key_of_a_topic, in_a_column, in_bytes_of_a_column, in_a_backup, in_a_metric, in_a_log),
        *(in_a_name_of_a_file, in_a_command_line, in_an_environment),
    ],
    ids=lambda plant: plant.__name__,
)
async def test_an_ins_is_found_where_it_is_planted(
    plant: Callable[..., object], kafka: Topics, new_database: NewDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    places = await plant(kafka, new_database, folder)  # type: ignore[misc]  # each is a coroutine
    assert INS in {leak.text for leak in leaks(places, tmp_path / "read")}
