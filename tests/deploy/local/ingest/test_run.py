"""Files of all kinds are sent in parallel, each once, and a run goes on where an earlier one has ended."""

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from deploy.local.demo.client import Session, UnreachableError
from deploy.local.ingest.accepted import AcceptedFiles
from deploy.local.ingest.report import Line, Outcome, Report
from deploy.local.ingest.run import Ingestion, files_under
from shared.contracts.records import DocumentReceived
from shared.fhir import cda_deposit
from tests.deploy.local.ingest.test_kinds import ORU, mail
from tests.infra.http.tokens import software_token
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.cdas import a_cda
from tests.infra.records.records_api import HOSPITAL, RecordsApi
from tests.infra.records.xdms import PDF, XdmDocument, an_archive

SOMEBODY, SOMEBODY_ELSE = Person(76), Person(77)
BASE = "http://records"


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    record: UUID = await shared_records_api.open_record(SOMEBODY)
    await shared_records_api.choose(record, 1)
    await shared_records_api.be_fresh()
    return shared_records_api


def session(client: httpx2.AsyncClient, base: str = BASE) -> Session:
    async def ask() -> tuple[str, int]:
        return software_token("software-1", HOSPITAL), 300

    return Session(client, {"records": base}, "hospital", ask)


def archive() -> bytes:
    unique_id = uuid4()
    return an_archive(XdmDocument(a_cda(SOMEBODY, unique_id), SOMEBODY, str(unique_id)))


def outbox(folder: Path) -> Path:
    """Makes a folder with files of all kinds, whose names say nothing; returns it."""
    files = {
        "a/1": a_cda(SOMEBODY, uuid4()),
        "a/2.zip": archive(),
        "a/b/3.json": cda_deposit.bundle_of_cda(a_cda(SOMEBODY, uuid4())),
        "a/b/4.eml": mail(("IHE_XDM.ZIP", archive()), ("other", archive())),
        "5.txt": a_cda(SOMEBODY_ELSE, uuid4()),
        "6.hl7": ORU,
        "=7.pdf": PDF,
        "8.eml": mail(("note.txt", b"x")),
        "9.bin": b"",
        ".hidden": b"x",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "link").symlink_to(folder / "a" / "1")
    (folder / "loop").symlink_to(folder)
    return folder


async def never(seconds: float) -> None:
    raise AssertionError("what is refused for a cause is not tried again")


async def ingest(session: Session, folder: Path, state: Path, **options: object) -> list[Line]:
    """Runs once and returns the lines of the report."""
    with AcceptedFiles(state / "accepted") as accepted, Report(state / "report.csv") as report:
        ingestion = Ingestion(session, accepted, report, **({"sleep": never} | options))  # type: ignore[arg-type]  # its fields
        await ingestion.send_all(list(files_under([folder])), 4, lambda: None)
        assert sum(number for *_, number, _ in report.summary()) == report.count()
    with (state / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rest = ("cause", "what_to_do", "deposit_id")
    return [
        Line(
            *(row["file"], int(row["part"]), row["kind"], row["sha256"]),
            Outcome(row["outcome"]),
            *(row[name] for name in rest),
        )
        for row in rows
    ]


@asynccontextmanager
async def listener(code: str) -> AsyncIterator[tuple[tuple[str, int], list[bytes]]]:
    """Answers each message with an acknowledgement; yields its address and what arrives."""
    arrived: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\x1c\r"))
        writer.write(f"\x0bMSH|^~\\&|A\rMSA|{code}|1\rERR|||207|E|902\r\x1c\r".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2], arrived


async def test_files_of_all_kinds_are_sent_and_reported(api: RecordsApi, tmp_path: Path) -> None:
    lines = await ingest(session(api.client), outbox(tmp_path / "outbox"), tmp_path)
    by_name = {(line.file.rpartition("outbox/")[2], line.part): (line.outcome, line.cause) for line in lines}
    assert by_name == {
        ("a/1", 1): (Outcome.ACCEPTED, ""),
        ("a/2.zip", 1): (Outcome.ACCEPTED, ""),
        ("a/b/3.json", 1): (Outcome.ACCEPTED, ""),
        ("a/b/4.eml", 1): (Outcome.ACCEPTED, ""),
        ("a/b/4.eml", 2): (Outcome.ACCEPTED, ""),
        ("5.txt", 1): (Outcome.REFUSED, "record-unknown"),
        ("6.hl7", 1): (Outcome.NOT_SENT, "mllp-listener-missing"),
        ("=7.pdf", 1): (Outcome.UNUSABLE, "not-recognised"),
        ("8.eml", 1): (Outcome.UNUSABLE, "no-archive"),
        ("9.bin", 1): (Outcome.UNUSABLE, "not-recognised"),
    }
    assert len(await api.announced(DocumentReceived)) == 5
    assert all(line.what_to_do for line in lines if line.outcome is not Outcome.ACCEPTED)
    assert all(UUID(line.deposit_id) for line in lines if line.outcome is Outcome.ACCEPTED)
    assert (tmp_path / "report.csv").stat().st_mode & 0o077 == 0
    kept = (tmp_path / "accepted").read_text()
    assert SOMEBODY.birth_name not in kept + (tmp_path / "report.csv").read_text()
    assert "outbox" not in kept


async def test_a_second_run_sends_only_what_was_not_accepted(api: RecordsApi, tmp_path: Path) -> None:
    folder = outbox(tmp_path / "outbox")
    await ingest(session(api.client), folder, tmp_path)
    with (tmp_path / "accepted").open("a") as file:
        file.write("0123abc")  # a line that a crash has cut
    record = await api.open_record(SOMEBODY_ELSE)
    await api.choose(record, 1)
    again = Counter(line.outcome for line in await ingest(session(api.client), folder, tmp_path))
    assert again == {Outcome.ALREADY: 5, Outcome.ACCEPTED: 1, Outcome.NOT_SENT: 1, Outcome.UNUSABLE: 3}
    third = Counter(line.outcome for line in await ingest(session(api.client), folder, tmp_path))
    assert third[Outcome.ALREADY] == 6


@pytest.mark.parametrize(("code", "outcome", "cause"), [("AA", "accepted", ""), ("AE", "refused", "AE 902")])
async def test_messages_go_to_the_listener(
    api: RecordsApi, tmp_path: Path, code: str, outcome: str, cause: str
) -> None:
    path = tmp_path / "a.hl7"
    path.write_bytes(b"\n".join((ORU, ORU.replace(b"|1|P", b"|2|P"))))
    async with listener(code) as (address, arrived):
        lines = await ingest(session(api.client), path, tmp_path, listener=address)
    assert [(line.part, line.outcome, line.cause) for line in lines] == [(1, outcome, cause), (2, outcome, cause)]
    assert arrived[0] == b"\x0b" + ORU + b"\x1c\r"


async def test_a_door_that_is_busy_or_silent_is_tried_again(tmp_path: Path) -> None:
    waited: list[float] = []
    answers = [
        httpx2.Response(503, headers={"retry-after": "7"}, json={"code": "unavailable", "detail": "later"}),
        httpx2.Response(429, json={"code": "too-many-requests", "detail": "later"}),
        None,
        httpx2.Response(201, headers={"location": "/deposits/1"}),
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        response = answers.pop(0)
        if response is None:
            raise httpx2.ConnectError("silent")
        return response

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    path = tmp_path / "a.xml"
    path.write_bytes(b"<a/>")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        [line] = await ingest(session(client), path, tmp_path, sleep=sleep)
        assert line.outcome is Outcome.ACCEPTED
        assert waited == [7, 4, 2]
        answers[:] = [None] * 20
        (tmp_path / "b.xml").write_bytes(b"<b/>")
        with pytest.raises(UnreachableError):
            await ingest(session(client), tmp_path / "b.xml", tmp_path, sleep=sleep)


async def test_publication_is_awaited_on_request(api: RecordsApi, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(a_cda(SOMEBODY, uuid4()))

    async def refuse() -> None:
        id = await eventually(lambda: api.pool.fetchval("select id from documents"))
        await api.decide(id, reason="depositor-blocked")

    _, [line] = await asyncio.gather(refuse(), ingest(session(api.client), path, tmp_path, wait_s=10))
    assert line.outcome is Outcome.REFUSED
    assert line.deposit_id in line.what_to_do
