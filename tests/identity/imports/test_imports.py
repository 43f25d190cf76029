"""Imports of files: whole, once, from where they were left, and with what was rejected told."""

import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from services.identity.app import make_importer
from services.identity.imports.domain import (
    AbsenceImplausibleError,
    FileIdentity,
    ImportProgress,
    ImportRunningError,
)
from services.identity.imports.usecases import import_file
from services.identity.imports.usecases.import_file import CompleteDirectory, Importer, ImportOutcome
from services.identity.imports.usecases.import_insured import import_insured
from services.identity.people.domain.insured import InsuredRow, InsuredSelection, is_card_of, open_insured
from services.identity.people.store.insured import find_insured, load_insured_page
from services.identity.settings import ImportSettings
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import create_pool
from shared.delimited import FileEncodingError, FileHeaderError
from shared.http.tokens import TokenVerifier
from shared.terminology.oids import INS_NIR_TEST
from shared.values import Ins
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.identity_api import (
    KEYRING,
    OTHER_KEYRING,
    administrator,
    announced,
    query,
    running,
    settings_of,
)
from tests.infra.identity.registers import (
    REGISTER_HEADER,
    activity,
    number_of,
    register_lines,
    write_directory,
    write_register,
)
from tests.infra.platform.databases import Database

RING = Keyring.parse(KEYRING)
COUNT = "select count(*) from insured"


class Killed(BaseException):
    """The process has ended."""


def importer_of(database: Database, keyring: str = KEYRING) -> Importer:
    keys = {"ins_hmac": keyring, "contacts": KEYRING, "people_to_call": KEYRING, "persons": keyring}
    values: dict[str, Any] = {"postgres": {"dsn": SecretStr(database.dsn)}, "keys": keys}
    return make_importer(ImportSettings.model_validate(values))


def nothing(progress: ImportProgress, mark: FileIdentity) -> None:
    pass


async def insured_row(database: Database, ins: str, keyrings: str = KEYRING) -> InsuredRow | None:
    pool = await create_pool(settings_of(database).postgres, application="tests")
    try:
        async with pool.acquire() as connection:
            prints = Keyring.parse(keyrings).fingerprints(*ins_parts(Ins(ins, INS_NIR_TEST)))
            return await find_insured(connection, prints)
    finally:
        pool.terminate()


async def pages(database: Database, selection: InsuredSelection, limit: int) -> list[list[InsuredRow]]:
    pool = await create_pool(settings_of(database).postgres, application="tests")
    seen: list[list[InsuredRow]] = []
    after: UUID | None = None
    try:
        async with pool.acquire() as connection:
            while page := await load_insured_page(connection, selection, after, limit):
                seen.append(page)
                after = page[-1].id
    finally:
        pool.terminate()
    return seen


def rejected(outcome: ImportOutcome) -> list[tuple[int, str]]:
    lines = outcome.rejected_file.read_text("utf-8", "replace").splitlines()[1:]
    return [(int(line.split(";")[0]), line.split(";")[1]) for line in lines]


async def test_an_imported_person_is_found_by_the_fingerprint_and_opened_whole(
    database: Database, tmp_path: Path
) -> None:
    line = next(register_lines(1)).split(";")
    file = write_register(tmp_path / "register.csv", 1)
    outcome = await importer_of(database).insured(file, nothing)
    assert (outcome.progress.lines, outcome.progress.changed, outcome.progress.rejected) == (1, 1, 0)
    row = await insured_row(database, line[0])
    assert row is not None
    person = open_insured(RING, row)
    assert (person.person.ins.matricule, person.person.traits.birth_name) == (line[0], line[2])
    assert (row.birth_year, row.region, row.regime) == (int(line[4][:4]), line[11], line[10])
    assert person.contact_details.address == tuple(line[16:19])
    assert person.person.used.given_name == line[8]
    assert is_card_of(RING, row, person.person.ins, line[12])
    assert not is_card_of(RING, row, person.person.ins, "0000000000")
    assert person.card_owner is None
    assert not outcome.rejected_file.exists()
    assert await announced(database) == []


async def test_the_owner_of_a_card_is_kept_sealed_and_changes_the_line(database: Database, tmp_path: Path) -> None:
    file = write_register(tmp_path / "register.csv", 1)
    await importer_of(database).insured(file, nothing)
    line, owner = next(register_lines(1)), number_of(5)
    file.write_text(f"{REGISTER_HEADER}\n{line}{owner}\n", encoding="utf-8")
    assert (await importer_of(database).insured(file, nothing)).progress.changed == 1
    row = await insured_row(database, line.split(";")[0])
    assert row is not None
    assert open_insured(RING, row).card_owner == Ins(owner, INS_NIR_TEST)
    assert owner not in str([dict(row) for row in await query(database, "select * from insured")])


async def test_nothing_readable_of_a_person_is_kept(database: Database, tmp_path: Path) -> None:
    await importer_of(database).insured(write_register(tmp_path / "register.csv", 20), nothing)
    text = str([dict(row) for row in await query(database, "select * from insured")])
    for line in register_lines(20):
        cells = line.split(";")
        for cell in (cells[0], cells[2], cells[12], cells[13], cells[14], cells[16]):
            assert not cell or cell not in text


async def test_the_same_file_again_changes_nothing_and_a_changed_line_changes_one(
    database: Database, tmp_path: Path
) -> None:
    file = write_register(tmp_path / "register.csv", 300)
    importer = importer_of(database)
    assert (await importer.insured(file, nothing)).progress.changed == 300
    first_rows = await query(database, "select * from insured order by bucket, id")
    assert (await importer.insured(file, nothing)).progress.changed == 0
    assert await query(database, "select * from insured order by bucket, id") == first_rows
    file.write_text(file.read_text("utf-8").replace("invente.1@", "nouveau.1@"), encoding="utf-8")
    again = await importer.insured(file, nothing)
    assert (again.progress.changed, again.resumed) == (1, False)
    assert (await query(database, COUNT))[0][0] == 300


async def test_pages_go_over_everybody_selected_once(database: Database, tmp_path: Path) -> None:
    await importer_of(database).insured(write_register(tmp_path / "register.csv", 300), nothing)
    whole = await pages(database, InsuredSelection(statuses=()), 37)
    ids = [(row.id.int & 0xFFFF, row.id.int) for page in whole for row in page]
    assert len(ids) == 300
    assert ids == sorted(set(ids))
    selection = InsuredSelection(born_from=1950, born_to=1960, regions=("11", "84"), regimes=("01",))
    rows = [row for page in await pages(database, selection, 5) for row in page]
    assert rows
    everybody = [row for page in whole for row in page]
    assert {row.id for row in rows} == {
        row.id
        for row in everybody
        if 1950 <= row.birth_year <= 1960
        and row.region in ("11", "84")
        and row.regime == "01"
        and row.identity_status == "qualified"
    }


@pytest.mark.parametrize("place", ["before the commit", "after the commit"])
async def test_a_killed_import_goes_on_where_it_was_left(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(import_file, "BATCH_LINES", 50)
    file = write_register(tmp_path / "register.csv", 400)
    lines = file.read_text("utf-8").splitlines()
    for number in range(20, 400, 20):  # a wrong key in each
        lines[number] = ("1" if lines[number][0] == "2" else "2") + lines[number][1:]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    importer, seen = importer_of(database), 0

    async def dying(*arguments: Any) -> ImportProgress:
        nonlocal seen
        seen += 1
        if seen == 4 and place == "before the commit":
            raise Killed
        progress = await import_insured(*arguments)
        if seen == 4:
            raise Killed
        return progress

    monkeypatch.setattr(import_file, "import_insured", dying)
    with pytest.raises(Killed):
        await importer.insured(file, nothing)
    row_count = (await query(database, COUNT))[0][0]
    assert 0 < row_count < 381
    outcome = await importer.insured(file, nothing, resume=True)
    assert outcome.resumed
    assert (outcome.progress.lines, outcome.progress.changed, outcome.progress.rejected) == (400, 381, 19)
    assert (await query(database, COUNT))[0][0] == 381
    assert rejected(outcome) == [(number + 1, "ins-key-wrong") for number in range(20, 400, 20)]
    again = await importer.insured(file, nothing, resume=True)
    assert again.progress == outcome.progress


WRONG = {
    "ins": ("279035121518980", "ins-key-wrong"),
    "ins_oid": ("1.2.3", "ins-system-unknown"),
    "birth_name": ("", "traits-invalid"),
    "birth_date": ("2999-01-01", "traits-invalid"),
    "sex": ("3", "traits-invalid"),
    "birth_place": ("7511", "traits-invalid"),
    "used_family_name": ("x" * 101, "used-names-invalid"),
    "identity_status": ("sure", "identity-status-unknown"),
    "regime": ("1", "regime-invalid"),
    "region": ("99999", "region-unknown"),
    "card_serial": ("12", "card-serial-invalid"),
    "card_owner_ins": ("279035121518980", "ins-key-wrong"),
    "mail": ("nobody", "mail-invalid"),
    "mobile": ("12", "mobile-invalid"),
    "language": ("de", "language-unknown"),
    "address_1": ("x" * 61, "address-invalid"),
}


async def test_rejected_lines_are_kept_with_their_codes_and_can_be_corrected_and_imported(
    database: Database, tmp_path: Path
) -> None:
    names, good = REGISTER_HEADER.split(";"), next(register_lines(1)).split(";")
    whole_line = dict(zip(names, good, strict=True))
    lines = [";".join({**whole_line, name: text}.values()) for name, (text, _) in WRONG.items()]
    whole = [REGISTER_HEADER, *lines, '"unbalanced;x', "too;few", "", ";".join(good)]
    file = tmp_path / "register.csv"
    padding = "é\n"  # a file without any other character than ASCII in UTF-8 is taken for one in Latin-1
    file.write_bytes(("\n".join(whole) + "\n" + padding).encode() + b"\xe9\xff\n" + b"x" * 70_000 + b"\n")
    outcome = await importer_of(database).insured(file, nothing)
    codes = [code for _, code in WRONG.values()] + ["line-malformed", "line-malformed"]
    expected = [(number, code) for number, code in enumerate(codes, start=2)]
    last = len(whole) + 2
    expected += [(last - 1, "line-malformed"), (last, "line-not-utf-8"), (last + 1, "line-too-long")]
    raw = outcome.rejected_file.read_bytes().split(b"\n")
    assert [(int(line.split(b";")[0]), line.split(b";")[1].decode()) for line in raw[1:-1]] == expected
    assert raw[2].split(b";", 2)[2] == lines[1].encode()
    assert stat.S_IMODE(outcome.rejected_file.stat().st_mode) == 0o600
    assert (outcome.progress.changed, outcome.progress.rejected) == (1, len(expected))
    corrected = tmp_path / "corrected.csv"
    corrected.write_bytes(b"\n".join([raw[0], raw[1].replace(WRONG["ins"][0].encode(), number_of(77).encode())]))
    assert (await importer_of(database).insured(corrected, nothing)).progress.changed == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("nom;prénom\nLÉVY;Odile\n".encode("latin-1"), FileEncodingError),
        ("ins;birth_name\n".encode("utf-16"), FileEncodingError),
        (b"", FileHeaderError),
        (b"ins;birth_name\n", FileHeaderError),
        (f"{REGISTER_HEADER};ins\n".encode(), FileHeaderError),
    ],
)
async def test_a_file_of_another_kind_is_refused_at_once(
    database: Database, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    with pytest.raises(error):
        await importer_of(database).insured(file, nothing)


@pytest.mark.parametrize("delimiter", [";", ",", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_delimiters_and_a_byte_order_mark_are_recognised(
    database: Database, tmp_path: Path, delimiter: str, mark: str
) -> None:
    file = tmp_path / "register.csv"
    text = "\r\n".join((REGISTER_HEADER, *register_lines(3)))
    file.write_text(mark + text.replace(";", delimiter), encoding="utf-8", newline="")
    outcome = await importer_of(database).insured(file, nothing)
    assert (outcome.progress.changed, outcome.progress.rejected) == (3, 0)


async def test_a_person_who_stands_under_an_older_key_stays_one_person(database: Database, tmp_path: Path) -> None:
    file = write_register(tmp_path / "register.csv", 30)
    await importer_of(database).insured(file, nothing)
    rotated = f"{OTHER_KEYRING},{KEYRING}"
    assert (await importer_of(database, rotated).insured(file, nothing)).progress.changed == 30
    assert (await importer_of(database, rotated).insured(file, nothing)).progress.changed == 0
    assert (await query(database, COUNT))[0][0] == 30
    row = await insured_row(database, next(register_lines(1)).split(";")[0], rotated)
    assert row is not None
    assert (row.fingerprint.split(".")[0], row.sealed.key_id) == ("test", "next")


async def test_one_import_of_a_kind_runs_at_a_time(database: Database, tmp_path: Path) -> None:
    importer, file = importer_of(database), write_register(tmp_path / "register.csv", 3)
    refusals = []

    async def second() -> None:
        with pytest.raises(ImportRunningError):
            await importer.insured(file, nothing)
        refusals.append(True)

    async def waiting(*arguments: Any) -> ImportProgress:
        await second()
        return await import_insured(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_file, "import_insured", waiting)
        await importer.insured(file, nothing)
    assert refusals == [True]


async def test_activities_of_a_professional_are_one_entry_and_only_changes_are_announced(
    database: Database, tmp_path: Path
) -> None:
    importer = importer_of(database)
    lines = (
        activity(),
        activity("99900000202", name="VAUTRELLE", given_name="Noé", profession="60", specialty="", finess="", place=""),
        activity(specialty="SM54", finess="", siret="99999999900011", place="Cabinet Perdu"),
        activity(finess="", technical="R99900000202001", place="Cabinet Marbeuf"),
    )
    outcome = await importer.directory(write_directory(tmp_path / "one.txt", *lines), nothing)
    assert (outcome.progress.lines, outcome.progress.changed, outcome.progress.step) == (4, 5, "done")
    assert await announced(database) == [
        StructureChanged(structure_id="1990000105", version=1, name="Hôpital des Trois Rivières"),
        StructureChanged(structure_id="399999999900011", version=1, name="Cabinet Perdu"),
        StructureChanged(structure_id="499900000202001", version=1, name="Cabinet Marbeuf"),
        ProfessionalChanged(
            professional_id="899900000101",
            version=1,
            name="Dr Camille MARBEUF",
            profession="G15_10",
            structure_ids=("1990000105", "399999999900011", "499900000202001"),
            specialties=("SM26", "SM54"),
        ),
        ProfessionalChanged(professional_id="899900000202", version=1, name="Dr Noé VAUTRELLE", profession="G15_60"),
    ]
    again = await importer.directory(write_directory(tmp_path / "two.txt", *reversed(lines)), nothing)
    assert again.progress.changed == 0
    moved = await importer.directory(write_directory(tmp_path / "three.txt", lines[0]), nothing)
    assert moved.progress.changed == 1
    assert (await announced(database))[5:] == [
        ProfessionalChanged(
            professional_id="899900000101",
            version=2,
            name="Dr Camille MARBEUF",
            profession="G15_10",
            structure_ids=("1990000105",),
            specialties=("SM26",),
        )
    ]
    assert await query(database, "select 1 from directory_lines") == []


async def status_of(database: Database) -> dict[str, str]:
    return {row["id"]: row["status"] for row in await query(database, "select id, status from professionals")}


async def test_whoever_is_absent_from_a_complete_extraction_becomes_inactive(
    database: Database, tmp_path: Path
) -> None:
    importer = importer_of(database)
    both = write_directory(tmp_path / "both.txt", activity(), activity("99900000202"))
    await importer.directory(both, nothing)
    file = write_directory(tmp_path / "one.txt", activity())
    await importer.directory(file, nothing)
    assert await status_of(database) == {"899900000101": "active", "899900000202": "active"}
    outcome = await importer.directory(file, nothing, complete=CompleteDirectory())
    assert outcome.progress.changed == 1
    assert await status_of(database) == {"899900000101": "active", "899900000202": "inactive"}
    await importer.directory(both, nothing, complete=CompleteDirectory())
    assert await status_of(database) == {"899900000101": "active", "899900000202": "active"}


async def test_who_was_entered_by_hand_stays_until_a_file_has_named_them(database: Database, tmp_path: Path) -> None:
    importer, both = importer_of(database), tmp_path / "both.txt"
    file = write_directory(tmp_path / "one.txt", activity())
    entry = {"name": "Léo INVENTÉ", "profession": "G15_10", "specialties": ["SM26"]}
    async with running(settings_of(database)) as client:
        put = await client.put("/professionals/899900000202", json=entry, headers=administrator())
        assert put.status_code == 200, put.text
    await importer.directory(file, nothing, complete=CompleteDirectory())
    assert await status_of(database) == {"899900000101": "active", "899900000202": "active"}
    await importer.directory(write_directory(both, activity(), activity("99900000202")), nothing)
    await importer.directory(file, nothing, complete=CompleteDirectory())
    assert await status_of(database) == {"899900000101": "active", "899900000202": "inactive"}


DAMAGED = [
    (activity(national="x").encode().replace(b"8|99900000101|", b"||"), "national-id-invalid", 1),
    (b"a piece of a line", "line-malformed", 1),
    (b"x" * 70_000, "line-too-long", 1),
    (activity(name="").encode(), "professional-name-missing", 0),
    (activity(name="MARB\x00EUF").encode(), "professional-name-missing", 0),
    (activity(national="x").encode(), "national-id-invalid", 0),
    (activity(name="MAR|BEUF").encode(), "line-malformed", 0),
    (activity().encode().replace("ô".encode(), b"\xf4"), "line-not-utf-8", 0),
    (activity(place="x" * 70_000).encode(), "line-too-long", 0),
]


@pytest.mark.parametrize(("line", "code", "naming_nobody"), DAMAGED)
async def test_a_rejected_line_keeps_whom_it_names_and_the_absent_become_inactive_nevertheless(
    database: Database, tmp_path: Path, line: bytes, code: str, naming_nobody: int
) -> None:
    importer = importer_of(database)
    everybody = (activity(), activity("99900000202"), activity("99900000303"))
    await importer.directory(write_directory(tmp_path / "all.txt", *everybody), nothing)
    before = await announced(database)
    damaged = write_directory(tmp_path / "damaged.txt", activity("99900000202"))
    damaged.write_bytes(damaged.read_bytes() + line + b"\n")
    outcome = await importer.directory(damaged, nothing, complete=CompleteDirectory())
    assert (outcome.progress.rejected, outcome.progress.unreadable) == (1, naming_nobody)
    assert outcome.rejected_file.read_bytes().split(b"\n")[1].startswith(f"3|{code}|".encode())
    gone = {"899900000303"} | ({"899900000101"} if naming_nobody else set())
    statuses = await status_of(database)
    assert {id for id, status in statuses.items() if status == "inactive"} == gone
    assert sorted(event.key for event in (await announced(database))[len(before) :]) == sorted(gone)


NAMES = [
    ('"LE PARC" SELARL', '"LE PARC" SELARL'),
    ('CABINET "LE PARC', 'CABINET "LE PARC'),
    ('"', '"'),
    ("LE\u00a0PARC\u202f2", "LE PARC 2"),
    ("\u2003LE  PARC\u00ad\u200b ", "LE PARC"),
]


@pytest.mark.parametrize(("written", "read"), NAMES)
async def test_quotation_marks_of_the_extraction_are_text_and_blanks_of_any_kind_are_blanks(
    database: Database, tmp_path: Path, written: str, read: str
) -> None:
    lines = (activity(place=written), activity("99900000202", name=written, given_name="", finess=""))
    outcome = await importer_of(database).directory(write_directory(tmp_path / "one.txt", *lines), nothing)
    assert outcome.progress.rejected == 0
    structures = await query(database, "select name from structures")
    professionals = await query(database, "select name from professionals order by id")
    assert [row["name"] for row in (*structures, *professionals)] == [read, "Dr Camille MARBEUF", f"Dr {read}"]


async def test_a_file_whose_first_line_quotes_its_titles_has_quoting(database: Database, tmp_path: Path) -> None:
    file = write_directory(tmp_path / "quoted.txt", activity(place="Cabinet | Perdu"))
    header, _ = file.read_text("utf-8").splitlines()
    cells = [*activity().split("|")[:-1], 'Cabinet | ""Perdu""']
    quoted = "\n".join("|".join(f'"{cell}"' for cell in line) for line in (header.split("|"), cells))
    file.write_text(quoted, encoding="utf-8")
    await importer_of(database).directory(file, nothing)
    assert [row["name"] for row in await query(database, "select name from structures")] == ['Cabinet | "Perdu"']


async def test_one_damaged_line_near_the_beginning_does_not_refuse_the_file(database: Database, tmp_path: Path) -> None:
    file = write_register(tmp_path / "register.csv", 30)
    lines = file.read_bytes().split(b"\n")
    lines[3] = lines[3][:-20] + b"\xe9" + lines[3][-20:]
    file.write_bytes(b"\n".join(lines))
    outcome = await importer_of(database).insured(file, nothing)
    assert rejected(outcome) == [(4, "line-not-utf-8")]
    assert outcome.progress.changed == 29


async def test_a_profession_that_is_not_known_here_ends_what_went_with_the_former_one(
    database: Database, tmp_path: Path
) -> None:
    importer = importer_of(database)
    await importer.directory(write_directory(tmp_path / "one.txt", activity()), nothing)
    changed = write_directory(
        tmp_path / "two.txt",
        activity(profession="77"),
        activity("99900000303", profession="78"),
        activity("99900000404", specialty="no code"),
        activity("99900000505", finess="99 0"),
    )
    outcome = await importer.directory(changed, nothing)
    rejections = [line.split("|")[:2] for line in outcome.rejected_file.read_text("utf-8").splitlines()[1:]]
    assert rejections == [
        ["2", "profession-unknown"],
        ["3", "profession-unknown"],
        ["4", "specialty-invalid"],
        ["5", "national-id-invalid"],
    ]
    assert await status_of(database) == {
        "899900000101": "inactive",
        "899900000404": "active",
        "899900000505": "active",
    }


async def test_a_truncated_file_strikes_nobody_off(database: Database, tmp_path: Path) -> None:
    importer = importer_of(database)
    many = (activity(f"99900001{number:03d}") for number in range(150))
    await importer.directory(write_directory(tmp_path / "many.txt", *many), nothing)
    short = write_directory(tmp_path / "short.txt", activity("99900001000"))
    with pytest.raises(AbsenceImplausibleError):
        await importer.directory(short, nothing, complete=CompleteDirectory())
    assert set((await status_of(database)).values()) == {"active"}
    await importer.directory(short, nothing, complete=CompleteDirectory(however_many=True), resume=True)
    assert list((await status_of(database)).values()).count("inactive") == 149


@pytest.mark.parametrize("step", ["apply_structures", "apply_professionals", "retire_absent"])
async def test_a_directory_that_was_killed_half_way_is_finished_and_announces_each_change_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(import_file, "PAGE_ROWS", 10)
    importer = importer_of(database)
    leaving = [activity(f"99900009{number:03d}", finess=f"99{number:07d}") for number in range(25)]
    await importer.directory(write_directory(tmp_path / "leaving.txt", *leaving), nothing)
    staying = [activity(f"99900001{number:03d}", finess=f"98{number:07d}") for number in range(35)]
    file, work, calls = write_directory(tmp_path / "staying.txt", *staying), getattr(import_file, step), 0

    async def dying(*arguments: Any, **options: Any) -> ImportProgress:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        done: ImportProgress = await work(*arguments, **options)
        return done

    monkeypatch.setattr(import_file, step, dying)
    whole = CompleteDirectory(however_many=True)
    with pytest.raises(Killed):
        await importer.directory(file, nothing, complete=whole)
    outcome = await importer.directory(file, nothing, complete=whole, resume=True)
    assert (outcome.progress.step, outcome.progress.changed) == ("done", 35 + 35 + 25)
    keys = [(event.key, event.model_dump()["version"]) for event in await announced(database)]
    assert len(keys) == len(set(keys)) == 25 + 25 + 35 + 35 + 25


async def test_what_the_directory_took_away_is_in_no_token_that_is_issued_afterwards(
    database: Database, tmp_path: Path
) -> None:
    importer = importer_of(database)

    async def token() -> tuple[int, dict[str, Any]]:
        async with running(settings_of(database)) as client:
            body = {"kind": "professional", "professional_id": "899900000101"}
            response = await client.post("/demo/sign-in", json=body)
            return response.status_code, response.json()

    async def claims() -> tuple[str | None, str | None, int]:
        status, answer = await token()
        assert status == 200, answer
        caller = await TokenVerifier(SETTINGS, TestKeys()).verify(answer["access_token"])
        return caller.profession, caller.organisation_id, answer["expires_in"]

    await importer.directory(write_directory(tmp_path / "one.txt", activity()), nothing)
    profession, place, lifetime = await claims()
    assert (profession, place) == ("G15_10", "1990000105")
    assert lifetime <= 300
    await importer.directory(write_directory(tmp_path / "two.txt", activity(finess="990000204")), nothing)
    assert (await claims())[:2] == ("G15_10", "1990000204")
    await importer.directory(
        write_directory(tmp_path / "three.txt", activity(profession="60", finess="990000204")), nothing
    )
    assert (await claims())[:2] == ("G15_60", "1990000204")
    empty = write_directory(tmp_path / "four.txt", activity("99900000909"))
    await importer.directory(empty, nothing, complete=CompleteDirectory())
    status, answer = await token()
    assert (status, answer["code"]) == (404, "professional-unknown")
