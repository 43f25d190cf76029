"""No process starts without a key that rows need; rows are re-encrypted, and then the old key can be removed."""

import asyncio
import json
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from services.identity.app import make_importer
from services.identity.keys import COLUMNS
from services.identity.kit.sealed_rows import Sealed, open_row
from services.identity.settings import ImportSettings
from shared.crypto.keyring import Keyring, seal
from shared.db.key_rewrap import KeyPlan, Report, Rewrapped, rewrap
from shared.db.key_uses import KeyDiffersError, KeyMissingError, check_rings, key_status
from shared.runtime.clock import bucket_of
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.identity.accounts import MAIL, run_identity_api
from tests.infra.identity.identity_api import administrator, opening, query, settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.locks import SELECT_BLOCKED
from tests.infra.platform.processes import run
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

OLD, NEW, OTHER_OLD = "test:" + "A" * 43, "next:" + "B" * 42 + "A", "test:" + "C" * 42 + "A"
RECORD = UUID("01234567-89ab-8def-8123-456789ab0001")
ROWS = {
    ("identity", "persons"): "insert into persons values (1, $1, 'test', 'sealed', now())",
    ("identity", "ins_hmac"): "insert into ins_fingerprints values ('test.00ff', $1)",
    ("records", "kek"): "insert into record_keys (bucket, record_id, kid, wrapped) values (1, $1, 'test', 'wrapped')",
    ("records", "ins_hmac"): "insert into record_fingerprints (ins, bucket, record_id) values ('test.00ff', 1, $1)",
    ("records", "insurance"): "insert into reimbursement_keys values ($1::uuid::text::bytea, 'test', '', now())",
    ("audit", "kek"): "insert into record_keys (bucket, record_id, kid, wrapped) values (1, $1, 'test', 'wrapped')",
    ("notify", "contacts"): "insert into contacts values ($1, 1, 0, 'eyJhbGciOiJBMjU2S1ciLCJraWQiOiJ0ZXN0In0.e.e.e.e')",
}
RINGS = {
    "identity": ("ins_hmac", "contacts", "people_to_call", "persons"),
    "records": ("ins_hmac", "kek", "people_to_call", "insurance"),
    "audit": ("motives", "kek"),
    "notify": ("contacts",),
}
MODULES = {"records": "services.records.kit.keys"}
KEY_COLUMNS = """
select table_name || '.' || column_name from information_schema.columns
where table_schema = 'public' and table_name !~ '_[0-9]$' and table_name <> 'issuer_keys'
  and column_name ~ '(^kid$|key_id$|fingerprint|^ins$|^card$|code_hash$|^person$|^invited$)' """
NOT_OF_A_RING = {
    "key_uses.kid",
    "key_checks.kid",
    *("certificate_sources.kid", "revoked_certificates.kid"),  # of a signature that others keep
    "late_motives.kid",  # waits for a key that is not here yet
    "documents.fingerprint",  # of the content, without a key
    "online_openings.code_hash",  # over in an hour, like the row's own key
}


def rings(service: str, **changed: str) -> dict[str, str]:
    return {**dict.fromkeys(RINGS[service], OLD), **changed}


def postgres(database: Database) -> PostgresSettings:
    return PostgresSettings.model_validate({"dsn": database.dsn})


async def rows_under(database: Database, kid: str, **keyrings: str) -> dict[str, int]:
    parsed = {name: Keyring.parse(text) for name, text in rings(database.service, **keyrings).items()}
    statuses = await key_status(postgres(database), database.service, parsed)
    return {column: count for key in statuses if key.kid == kid for column, count in key.rows.items()}


async def may_start(database: Database, **keyrings: str) -> bool:
    parsed = {name: Keyring.parse(text) for name, text in rings(database.service, **keyrings).items()}
    try:
        await check_rings(postgres(database), database.service, parsed)
    except KeyMissingError:
        return False
    return True


async def rewrapped(database: Database, report: Report = lambda _: None, **keyrings: str) -> list[Rewrapped]:
    """Runs `keys rewrap` with these rings; returns only the columns in which something was to be done."""
    settings = {name: SecretStr(text) for name, text in rings(database.service, **keyrings).items()}
    plan: KeyPlan = import_module(MODULES.get(database.service, f"services.{database.service}.keys")).make_keys(
        SimpleNamespace(**settings)
    )
    outcomes = await rewrap(postgres(database), database.service, plan, report)
    return [outcome for outcome in outcomes if outcome != Rewrapped(outcome.column)]


@pytest.mark.parametrize(
    ("service", "ring", "process"), [(*row, process) for row, process in zip(ROWS, ("api", "worker") * 4, strict=False)]
)
async def test_a_process_without_a_key_that_rows_need_does_not_start(
    service: str, ring: str, process: str, new_database: NewDatabase
) -> None:
    database = await new_database(service)
    await query(database, ROWS[service, ring], RECORD)
    ended = await run(database, process, rings=rings(service, **{ring: NEW}))
    assert ended.code == 78
    [line] = [text for text in ended.errors.splitlines() if not text.startswith("{")]
    assert line.startswith(f"{service}: key test of ring {ring} is missing")
    assert re.search("[AB]{20}", ended.errors + ended.output) is None, "no key is printed"
    assert await may_start(database), "with the old ring"
    assert await may_start(database, **{ring: f"{NEW},{OLD}"})


async def test_an_import_without_a_key_that_rows_need_does_not_begin(new_database: NewDatabase, tmp_path: Path) -> None:
    database = await new_database("identity")
    await query(database, ROWS["identity", "persons"], RECORD)
    importer = make_importer(
        ImportSettings.model_validate({"postgres": {"dsn": database.dsn}, "keys": rings("identity", persons=NEW)})
    )
    with pytest.raises(KeyMissingError):
        await importer.insured(tmp_path / "register.csv", lambda *_: None)


async def test_another_key_of_the_same_id_is_found(new_database: NewDatabase) -> None:
    database = await new_database("records")
    await query(database, ROWS["records", "kek"], RECORD)
    assert await may_start(database)
    ended = await run(database, "api", rings=rings("records", kek=OTHER_OLD))
    assert ended.code == 78
    assert "key test of ring kek is not the one" in ended.errors


@pytest.mark.parametrize(("service", "ring"), ROWS)
async def test_the_key_with_which_a_service_began_is_the_one_of_its_id_and_no_other_that_starts_later(
    service: str, ring: str, new_database: NewDatabase
) -> None:
    database = await new_database(service)
    assert await may_start(database), "with no row yet"
    await query(database, ROWS[service, ring], RECORD)
    ended = await run(database, "worker", rings=rings(service, **{ring: OTHER_OLD}))
    assert ended.code == 78
    assert f"key test of ring {ring} is not the one" in ended.errors
    assert await may_start(database), "the other key was not noted in its place"


async def test_a_key_under_which_nothing_lies_can_be_changed_for_another_of_its_id(new_database: NewDatabase) -> None:
    database = await new_database("records")
    assert await may_start(database)
    with pytest.raises(KeyDiffersError):
        await may_start(database, kek=OTHER_OLD)
    await rewrapped(database, kek=OTHER_OLD)
    assert await may_start(database, kek=OTHER_OLD)
    await query(database, ROWS["records", "kek"], RECORD)
    await rewrapped(database, kek=OLD)
    with pytest.raises(KeyDiffersError):
        await may_start(database, kek=OLD)


async def test_before_its_database_is_migrated_no_process_starts(new_database: NewDatabase) -> None:
    database = await new_database("records")
    await query(database, "drop table key_uses")
    assert (await run(database, "api", rings=rings("records"))).code == 75


@pytest.mark.parametrize("service", RINGS)
async def test_every_column_that_names_a_key_is_watched(service: str, new_database: NewDatabase) -> None:
    database = await new_database(service)
    watched = {row[0] for row in await query(database, "select used_by || '.' || used_in from key_columns")}
    named = {row[0] for row in await query(database, KEY_COLUMNS)}
    assert named - NOT_OF_A_RING <= watched
    if service == "identity":
        assert {f"{table}.{kid}" for table, _, kid, _, _ in COLUMNS} <= watched


async def test_keys_of_rows_from_before_are_noted_by_the_migration(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    for (service, _), statement in ROWS.items():
        if service == "identity":
            await query(database, statement, RECORD)
    noted = "select ring, kid from key_uses order by ring"
    expected = [("ins_hmac", "test"), ("persons", "test")]
    assert [tuple(row) for row in await query(database, noted)] == expected
    await query(database, "delete from key_uses")
    position: str | None = ""
    while position is not None:
        [[position, _]] = await query(database, 'select "position", filled from fill_key_uses($1)', position)
    assert [tuple(row) for row in await query(database, noted)] == expected


async def test_after_a_rewrap_the_old_key_of_persons_can_go(new_database: NewDatabase) -> None:
    """Includes an account of an earlier release: sealed with the key itself, its identifier under the old key."""
    database = await new_database("identity")
    async with run_identity_api(database) as home:
        record_id = await home.open_account()
    [[person_id, plain]] = [
        (row["id"], open_row(Keyring.parse(OLD), Sealed(row["key_id"], row["sealed"]), "person", row["id"]))
        for row in await query(database, "select id, key_id, sealed from persons")
    ]
    direct = seal(Keyring.parse(OLD)["test"], plain, f"identity.person:{person_id}".encode())
    await query(database, "update persons set sealed = $1", direct)
    both = f"{NEW},{OLD}"
    assert (await rows_under(database, "test", persons=both)).keys() >= {
        "persons.key_id",
        "contacts.key_id",
        "accounts.key_id",
        "account_identifiers.fingerprint",
    }

    ended = await run(database, "keys", "rewrap", rings=rings("identity", persons=both))
    assert ended.code == 0, ended.errors
    assert {"column": "persons.sealed", "done": 1, "without_key": 0, "broken": 0} in [
        json.loads(line) for line in ended.errors.splitlines() if '"column"' in line
    ]
    [old] = [key for key in json.loads(ended.output) if (key["ring"], key["kid"]) == ("persons", "test")]
    assert (old["state"], old["rows"]) == ("kept", {})
    assert await may_start(database, persons=NEW)
    settings = settings_of(database, keys={"persons": NEW}, accounts={"refusal_s": 0})
    async with run_identity_api(database, settings=settings) as home:
        same = await home.client.post("/records", json=opening(), headers=administrator())
        assert UUID(same.json()["record_id"]) == record_id, "the person is known"
        assert (await home.sign_in(identifier=MAIL))["access_token"]


async def test_an_emptied_row_moves_to_the_active_key(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    used = "insert into online_openings (id, key_id, sealed, status, created_at, expires_at)"
    await query(database, f"{used} values ($1, 'test', '', 'used', now(), now() + interval '1 day')", RECORD)
    assert await rewrapped(database) == []
    both = f"{NEW},{OLD}"
    assert await rewrapped(database, persons=both) == [Rewrapped("online_openings.sealed", done=1)]
    [row] = await query(database, "select key_id, sealed from online_openings")
    assert tuple(row) == ("next", b"")
    assert await rewrapped(database, persons=both) == []


async def test_a_rewrap_goes_on_where_it_was_and_leaves_alone_what_changed_meanwhile(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.db.key_rewrap.PAGE", 2)
    database = await new_database("identity")
    old, rotated = Keyring.parse(OLD), Keyring.parse(f"{NEW},{OLD}")
    ids = [uuid4() for _ in range(7)]
    for id in ids:
        sealed = old.seal(b"plain", f"identity.person:{id}".encode())
        await query(database, "insert into persons values ($1, $2, 'test', $3, now())", bucket_of(id), id, sealed)
    pages: list[Rewrapped] = []

    def interrupt(page: Rewrapped) -> None:
        pages.append(page)
        if len(pages) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await rewrapped(database, interrupt, persons=f"{NEW},{OLD}")
    under = await query(database, "select key_id, count(*) from persons group by key_id order by key_id")
    assert [tuple(row) for row in under] == [("next", 4), ("test", 3)]
    assert not await may_start(database, persons=NEW)

    held = await asyncpg.connect(database.owner_dsn)
    transaction = held.transaction()
    await transaction.start()
    [last] = await query(database, "select id from persons where key_id = 'test' limit 1")
    newer = rotated.seal(b"newer", f"identity.person:{last[0]}".encode())
    await held.execute("update persons set key_id = 'next', sealed = $1 where id = $2", newer, last[0])
    going_on = asyncio.create_task(rewrapped(database, persons=f"{NEW},{OLD}"))
    await eventually(lambda: _somebody_waits(database))
    await transaction.commit()
    await held.close()
    await going_on
    plaintexts = {
        row["id"]: rotated.unseal(row["key_id"], row["sealed"], f"identity.person:{row['id']}".encode())
        for row in await query(database, "select id, key_id, sealed from persons")
    }
    assert plaintexts == {**dict.fromkeys(ids, b"plain"), last[0]: b"newer"}
    assert await may_start(database, persons=NEW)


async def test_what_no_key_opens_stays_and_is_told(new_database: NewDatabase) -> None:
    database = await new_database("records")
    await query(database, ROWS["records", "kek"], RECORD)
    assert await rewrapped(database, kek=f"{NEW},{OLD}") == [Rewrapped("record_keys.wrapped", broken=1)]
    assert await rewrapped(database, kek=NEW) == [Rewrapped("record_keys.wrapped", without_key=1)]
    assert (await run(database, "keys", "rewrap", rings=rings("records", kek=NEW))).code == 1
    assert await rows_under(database, "test", kek=NEW) == {"record_keys.kid": 1}
    assert not await may_start(database, kek=NEW)


async def test_a_process_that_still_seals_under_a_forgotten_key_brings_it_back(new_database: NewDatabase) -> None:
    database = await new_database("records")
    await query(database, ROWS["records", "kek"], RECORD)
    await query(database, "delete from record_keys")
    await rewrapped(database, kek=f"{NEW},{OLD}")
    assert await may_start(database, kek=NEW)
    await query(database, ROWS["records", "kek"], RECORD)
    assert not await may_start(database, kek=NEW)


async def _somebody_waits(database: Database) -> bool:
    [[waits]] = await query(database, SELECT_BLOCKED)
    return bool(waits)
