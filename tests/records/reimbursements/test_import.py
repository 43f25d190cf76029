"""Imports of files of reimbursements: whole or not at all, once, and from where they were left."""

import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.records.reimbursements.adapters.files import digest_of, frame_of
from services.records.reimbursements.adapters.rejections import rejections_of
from services.records.reimbursements.domain.frame import FrameMismatchError
from services.records.reimbursements.domain.progress import FileChangedError, ImportReport, ImportRunningError
from services.records.reimbursements.store import files
from services.records.reimbursements.usecases import import_file
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from shared.contracts.audit import AccessRecorded
from tests.conftest import NewDatabase
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.platform.processes import run, start
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import RecordsApi, run_records_api
from tests.infra.records.reimbursement_files import Fields, write_csv
from tests.infra.records.reimbursements import RINGS, importer_of, recent_line, stored

ALICE, BASILE, NOBODY = Person(1), Person(2), Person(3)
COMMAND = "import-reimbursements"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("records")


@pytest.fixture
async def records(database: Database) -> AsyncIterator[RecordsApi]:
    async with run_records_api(database) as api:
        await api.open_record(ALICE)
        await api.open_record(BASILE)
        yield api


@pytest.fixture
def importer(database: Database) -> ReimbursementImporter:
    return importer_of(database)


def lines(count: int, person: Person = ALICE) -> list[Fields]:
    return [recent_line(person, number) for number in range(1, count + 1)]


def ignore(_: ImportReport) -> None:
    """Takes no notice of progress."""


async def test_a_file_is_taken_and_counted(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path
) -> None:
    wanted = [*lines(3), recent_line(BASILE, 9), recent_line(NOBODY, 10), recent_line(ALICE, 11, days_ago=900)]
    path = write_csv(tmp_path / "day.csv.zst", [*wanted, recent_line(ALICE, 12, kind="?"), lines(1)[0]])
    outcome = await importer.import_file(path, ignore)
    assert outcome.counts == {"new": 4, "unknown": 1, "expired": 1, "rejected": 1, "unchanged": 1}
    assert (outcome.was_begun, outcome.was_finished) == (False, False)
    assert len(await stored(records)) == 4
    assert len(await records.announced(AccessRecorded)) == 2


async def test_a_rejected_line_is_kept_as_number_and_code_alone(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path / "day.csv", [*lines(1), recent_line(ALICE, 2, kind="SECRET"), recent_line(ALICE, 3, version="0")]
    )
    await importer.import_file(path, ignore)
    assert rejections_of(path).read_text() == "line;code\n3;care-kind-unknown\n4;line-version-invalid\n"
    assert stat.S_IMODE(rejections_of(path).stat().st_mode) == 0o600
    rows = await records.pool.fetch("select * from reimbursement_rejections")
    assert len(rows) == 2
    assert "SECRET" not in str(rows)


@pytest.mark.parametrize("stated", [{"lines": 2}, {"amount_paid": "1.00"}, {"sha256": "0" * 64}])
async def test_a_wrong_frame_takes_nothing(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path, stated: dict[str, Any]
) -> None:
    path = write_csv(tmp_path / "day.csv", lines(3), **stated)
    with pytest.raises(FrameMismatchError):
        await importer.import_file(path, ignore)
    assert await stored(records) == []
    assert await records.pool.fetchval("select count(*) from reimbursement_files") == 0


async def test_a_file_that_was_taken_is_known_under_any_name(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "day.csv", lines(3))
    first = await importer.import_file(path, ignore)
    other = path.rename(tmp_path / "again.csv")
    frame_of(path).rename(frame_of(other))
    again = await importer.import_file(other, ignore)
    assert again.was_finished
    assert again.counts == first.counts


async def test_an_interrupted_import_goes_on_after_its_last_batch(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_file, "BATCH_LINES", 2)
    path = write_csv(tmp_path / "day.csv", [*lines(4), recent_line(ALICE, 5, kind="?"), *lines(7)[5:]])
    seen: list[int] = []

    def stop(report: ImportReport) -> None:
        seen.append(report.lines)
        if report.lines >= 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await importer.import_file(path, stop)
    assert seen == [2, 4]
    outcome = await importer.import_file(path, ignore)
    assert outcome.was_begun
    assert outcome.counts == {"new": 6, "rejected": 1}
    assert len(await stored(records)) == 6
    assert len(await records.announced(AccessRecorded)) == 1


async def test_two_runs_never_import_one_file_at_once(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "day.csv", lines(3))
    async with records.pool.acquire() as other:
        assert await files.lock_file(other, digest_of(path))
        with pytest.raises(ImportRunningError):
            await importer.import_file(path, ignore)
        await files.unlock_file(other, digest_of(path))
    assert (await importer.import_file(path, ignore)).counts == {"new": 3}


async def test_a_file_that_changes_while_it_is_read_is_not_marked_as_taken(
    records: RecordsApi, importer: ReimbursementImporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "day.csv", lines(3))

    def check_and_cut(path: Path, _: Any) -> None:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    monkeypatch.setattr(import_file, "check_file", check_and_cut)
    with pytest.raises(FileChangedError):
        await importer.import_file(path, ignore)
    assert await records.pool.fetchval("select finished_at from reimbursement_files") is None


async def test_the_operator_runs_it_as_a_process(records: RecordsApi, database: Database, tmp_path: Path) -> None:
    good = write_csv(tmp_path / "a.csv", lines(3))
    partly = write_csv(tmp_path / "b.csv", [recent_line(BASILE, 8), recent_line(BASILE, 9, kind="?")])
    ended = await run(database, COMMAND, str(good), str(partly), rings=RINGS)
    assert ended.code == 3, ended.errors
    assert [orjson.loads(text) for text in ended.output.splitlines()] == [
        {"file": "a.csv", "finished_before": False, "new": 3},
        {"file": "b.csv", "finished_before": False, "new": 1, "rejected": 1},
    ]
    assert (await run(database, COMMAND, str(good), rings=RINGS)).code == 0


async def test_a_file_that_cannot_be_taken_stops_no_other_one(
    records: RecordsApi, database: Database, tmp_path: Path
) -> None:
    wrong = write_csv(tmp_path / "a.csv", lines(3), lines=4)
    good = write_csv(tmp_path / "b.csv", lines(2))
    ended = await run(database, COMMAND, str(tmp_path / "missing.csv"), str(wrong), str(good), rings=RINGS)
    assert ended.code == 1
    complaints = [text for text in ended.errors.splitlines() if text.startswith("records: ")]
    assert [text.split(": ")[1:3] for text in complaints] == [
        ["missing.csv", "frame-invalid"],
        ["a.csv", "frame-mismatch"],
    ]
    assert len(await stored(records)) == 2
    assert (await run(database, COMMAND, rings=RINGS)).code == 2


@pytest.mark.long
async def test_a_killed_import_is_resumed_exactly(records: RecordsApi, database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv.gz", lines(20_000))
    await _killed_in_the_middle(database, records, path)
    taken = await records.pool.fetchval('select "row" from reimbursement_files')
    assert 0 < taken < 20_000
    ended = await run(database, COMMAND, str(path), rings=RINGS)
    assert orjson.loads(ended.output) == {"file": "day.csv.gz", "finished_before": False, "new": 20_000}
    assert await records.pool.fetchval("select count(*) from reimbursements") == 20_000
    assert len(await records.announced(AccessRecorded)) == 1


async def _killed_in_the_middle(database: Database, records: RecordsApi, path: Path) -> None:
    """Runs the import until some batches are taken, then kills it."""
    importing = await start(database, COMMAND, str(path), rings=RINGS)
    await eventually(lambda: records.pool.fetchval('select true from reimbursement_files where "row" > 2000'))
    importing.kill()
    await importing.communicate()
    assert importing.returncode == -signal.SIGKILL
