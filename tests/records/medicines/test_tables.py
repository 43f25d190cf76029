"""Tables about medicines are loaded whole or not at all, once, and found by their codes."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import orjson
import pytest

from services.records.medicines.domain.interactions import InteractionLevel, built_in_table
from services.records.medicines.domain.table_loads import (
    Edition,
    FileCounts,
    FilesMissingError,
    LoadOutcome,
    TableLoadingError,
    TableRejectedError,
)
from services.records.medicines.steps.reference_tables import InteractionCache, ReferenceTables, look_up
from services.records.medicines.store import tables
from services.records.medicines.usecases.import_interactions import InteractionImporter
from services.records.medicines.usecases.import_medicines import MedicineImporter
from shared.db.pool import Pool, create_pool
from shared.delimited import FileHeaderError
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.platform.databases import Database
from tests.infra.platform.processes import run
from tests.infra.records.medicine_files import MEDICINES, PAIRS, write_interactions, write_medicines
from tests.infra.records.reimbursements import RINGS

EDITION = Edition("base de données publique des médicaments", date(2026, 11, 1))


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("records")


@pytest.fixture
def postgres(database: Database) -> PostgresSettings:
    return PostgresSettings.model_validate({"dsn": database.dsn})


async def load(postgres: PostgresSettings, folder: Path, edition: Edition = EDITION) -> LoadOutcome:
    return await MedicineImporter(postgres).import_files([folder], edition, lambda *_: None)


@pytest.fixture
async def pool(postgres: PostgresSettings) -> AsyncIterator[Pool]:
    made = await create_pool(postgres, application="tests", size=1)
    yield made
    made.terminate()


async def reference_of(
    pool: Pool, *codes: str, atc: tuple[str, ...] = (), cache: InteractionCache | None = None
) -> ReferenceTables:
    async with pool.acquire() as connection:
        return await look_up(connection, cache or InteractionCache(), codes, atc)


async def test_medicines_are_loaded_from_files_of_several_encodings_and_found_by_every_code(
    postgres: PostgresSettings, pool: Pool, tmp_path: Path
) -> None:
    progress: list[tuple[str, FileCounts]] = []
    outcome = await MedicineImporter(postgres).import_files(
        [write_medicines(tmp_path / "files")], EDITION, lambda *report: progress.append(report)
    )
    assert outcome.counts["CIS_CIP_bdpm.txt"] == FileCounts(12, 1)
    assert (outcome.rejected, len(progress)) == (1, 4)
    reference = await reference_of(
        pool, "60000001", "3000002", "3400930000017", "60000004", "69999999", atc=("J01CA04", "N02AJ06", "A01AA01")
    )
    by_code, by_atc = reference.medicines.by_code, reference.medicines.by_atc
    assert reference.medicines_version is not None
    assert reference.medicines_version.dated_on == EDITION.dated_on
    assert by_code["60000001"] == by_code["3400930000017"]
    assert by_code["60000001"].name == "AMOXINVENT 500 mg, gélule"
    [amoxicillin] = by_code["60000001"].substances
    assert amoxicillin.codes == {"02215", "02216"}
    assert {"AMOXICILLINE", "AMOXICILLINE TRIHYDRATEE"} == amoxicillin.names
    assert [len(substance.codes) for substance in by_code["3000002"].substances] == [1, 1]
    assert by_code["60000004"].atc == {"J01CA04"}  # by the medicine with that substance alone
    assert by_code.keys() == {"60000001", "3400930000017", "3000002", "60000004"}
    assert {code: len(substances) for code, substances in by_atc.items()} == {"J01CA04": 1, "N02AJ06": 2}


async def test_the_same_files_again_change_nothing_and_other_ones_take_their_place(
    postgres: PostgresSettings, pool: Pool, tmp_path: Path
) -> None:
    await load(postgres, write_medicines(tmp_path / "first"))
    assert (await load(postgres, tmp_path / "first")).was_in_use
    other = write_medicines(tmp_path / "second", cis_bdpm=[*MEDICINES, "60000008\tNOUVEAU"])
    assert not (await load(postgres, other)).was_in_use
    assert (await reference_of(pool, "60000008")).medicines.by_code["60000008"].name == "NOUVEAU"
    async with pool.acquire() as connection:
        assert await connection.fetchval("select count(distinct table_id) from medicines") == 1
        assert await connection.fetchval("select count(*) from medicine_tables where in_use") == 1


async def test_a_file_of_another_kind_leaves_the_former_table_in_use(
    postgres: PostgresSettings, pool: Pool, tmp_path: Path
) -> None:
    await load(postgres, write_medicines(tmp_path / "first"))
    with pytest.raises(TableRejectedError, match="CIS_bdpm"):
        await load(postgres, write_medicines(tmp_path / "second", cis_bdpm=[MEDICINES[0], "une autre\tchose"]))
    assert "60000004" in (await reference_of(pool, "60000004")).medicines.by_code
    assert not (await load(postgres, write_medicines(tmp_path / "third", cis_bdpm=MEDICINES[:2]))).was_in_use


async def test_the_four_files_are_needed_and_one_run_loads_at_a_time(
    postgres: PostgresSettings, pool: Pool, tmp_path: Path
) -> None:
    folder = write_medicines(tmp_path / "files")
    async with pool.acquire() as connection:
        assert await tables.lock_kind(connection, "medicines")
        with pytest.raises(TableLoadingError):
            await load(postgres, folder)
        await tables.unlock_kind(connection, "medicines")
    (folder / "CIS_MITM.txt").unlink()
    with pytest.raises(FilesMissingError):
        await load(postgres, folder)


async def test_an_operators_interactions_replace_the_built_in_ones(
    postgres: PostgresSettings, pool: Pool, tmp_path: Path
) -> None:
    cache = InteractionCache()
    assert (await reference_of(pool, cache=cache)).interactions is built_in_table()
    outcome = await InteractionImporter(postgres).import_files(*write_interactions(tmp_path), EDITION, lambda *_: None)
    assert outcome.counts["pairs.csv"] == FileCounts(2, 0)
    table = (await reference_of(pool, cache=cache)).interactions
    assert (await reference_of(pool, cache=cache)).interactions is table
    [interaction] = table.between(({"INVENTOL"}, set()), (set(), {"N97AA01"}))
    assert (interaction.level, interaction.risk) == (InteractionLevel.CONTRAINDICATED, "un risque « grave »")
    assert (interaction.risk_en, interaction.advice, interaction.advice_en) == (
        "a severe risk",
        "Ne pas associer.",
        None,
    )
    assert not table.version.is_built_in


async def test_a_table_without_a_header_is_refused(postgres: PostgresSettings, tmp_path: Path) -> None:
    paths = write_interactions(tmp_path, PAIRS[1:])
    with pytest.raises(FileHeaderError):
        await InteractionImporter(postgres).import_files(*paths, EDITION, lambda *_: None)


async def test_an_operators_commands_load_and_list_tables(database: Database, tmp_path: Path) -> None:
    folder = str(write_medicines(tmp_path / "files"))
    ended = await run(database, "import-medicines", folder, "--dated-on", "2026-11-01", rings=RINGS)
    assert ended.code == 3, ended.errors
    assert orjson.loads(ended.output)["files"]["CIS_CIP_bdpm.txt"] == {"taken": 12, "rejected": 1}
    assert orjson.loads(ended.errors.splitlines()[-1])["file"] == "CIS_MITM.txt"
    listed = await run(database, "medicine-tables", rings=RINGS)
    [table] = orjson.loads(listed.output)
    assert (table["kind"], table["in_use"], table["dated_on"]) == ("medicines", True, "2026-11-01")
    assert table["rejected"] == [{"file": "CIS_CIP_bdpm.txt", "line": 13, "reason": "cip-invalid"}]
