"""A process that cannot start says in one line which setting is wrong, and how: no traceback, no secret."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import NewDatabase
from tests.infra.notify.gateways import gateways_settings
from tests.infra.platform import processes
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.processes import NO_CHANGES, ProcessResult, read_until, run, start
from tests.infra.platform.topics import Topics

NOT_AT_ALL = "postgresql://test_app:secret-word@127.0.0.1:1/records"
SEVERAL = NOT_AT_ALL.replace(":1/", ":1,127.0.0.2:2/")
ELSEWHERE = NOT_AT_ALL.replace("127.0.0.1", "nowhere.invalid")
RING = f"one:{'A' * 43}"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def failing(
    database: Database, process: str, settings: dict[str, str] | None = None, **rings: str
) -> ProcessResult:
    """Runs a process that must end with one line on standard error, beside lines of the log."""
    words = (process, "--operator", "jane") if process == "recover" else (process,)
    ended = await run(database, *words, rings=rings, settings=settings or NO_CHANGES)
    complaints = [line for line in ended.errors.splitlines(keepends=True) if not line.startswith("{")]
    assert len(complaints) == 1, ended.errors
    assert "Traceback" not in ended.errors + ended.output
    assert "secret-word" not in ended.errors + ended.output
    return replace(ended, errors=complaints[0])


def with_part(dsn: str, **parts: str) -> str:
    """Returns the connection string with another user, password or database."""
    place = urlsplit(dsn)
    user, password = parts.get("user", place.username), parts.get("password", place.password)
    return f"postgresql://{user}:{password}@{place.hostname}:{place.port}/{parts.get('name', place.path[1:])}"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"password": "secret-word"}, "refuses test_app: wrong password, unknown role, or no entry in pg_hba.conf"),
        ({"user": "nobody_here", "password": "secret-word"}, "refuses nobody_here: wrong password, unknown role"),
        ({"name": "not_there"}, "has no database not_there"),
    ],
)
async def test_a_wrong_connection_to_the_database_is_named(
    parts: dict[str, str], reason: str, new_database: NewDatabase
) -> None:
    database = await new_database("consent")
    ended = await failing(replace(database, dsn=with_part(database.dsn, **parts)), "api")
    assert ended.errors.startswith("consent: CONSENT_POSTGRES__DSN: 127.0.0.1:")
    assert reason in ended.errors
    assert ended.code == 78


@pytest.mark.parametrize(
    ("dsn", "reason", "code"),
    [
        (NOT_AT_ALL, "nothing listens on 127.0.0.1:1", 75),
        (f"{ELSEWHERE}?sslmode=disable", "the name of nowhere.invalid:1 cannot be resolved", 75),
        (ELSEWHERE, "a server beyond this machine needs `sslmode`", 78),
        ("secret-word", "is no connection string `postgresql://role:password@host:port/database`", 78),
        (NOT_AT_ALL.replace(":1/", ":x/"), "is no connection string", 78),
        (NOT_AT_ALL.replace(":1/", ":0/"), "is no connection string", 78),
        (NOT_AT_ALL.replace(":1/", ":65536/"), "is no connection string", 78),
        (f"{SEVERAL}?target_session_attrs=read-write", "nothing listens on 127.0.0.1:1,127.0.0.2:2", 75),
        (SEVERAL, "several hosts need `target_session_attrs=read-write`", 78),
        (NOT_AT_ALL.replace(":1/", ":1,127.0.0.2:0/"), "is no connection string", 78),
        (NOT_AT_ALL.replace(":1/", ":1,nowhere.invalid:2/"), "a server beyond this machine needs `sslmode`", 78),
    ],
)
async def test_a_database_that_cannot_be_reached_is_named(dsn: str, reason: str, code: int) -> None:
    ended = await failing(Database("consent", "", dsn, ""), "worker")
    assert f"CONSENT_POSTGRES__DSN: {reason}" in ended.errors
    assert "secret-word" not in ended.errors
    assert ended.errors.count("\n") == 1
    assert ended.code == code


async def test_migrate_names_the_owners_setting(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    ended = await failing(database, "migrate")
    assert ended.errors == "consent: settings are missing or wrong: CONSENT_POSTGRES__OWNER_DSN is missing\n"
    ended = await failing(database, "migrate", {"POSTGRES__OWNER_DSN": NOT_AT_ALL})
    assert ended.errors == "consent: CONSENT_POSTGRES__OWNER_DSN: nothing listens on 127.0.0.1:1\n"


async def test_a_database_of_an_older_release_is_named_with_the_missing_migration(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("delete from schema_migrations where name like 'consent/0008%'")
    await connection.close()
    ended = await failing(database, "api")
    assert "lacks migration consent/0008_pre_keep_used_presences.sql" in ended.errors
    assert "run `python -m services.consent migrate`" in ended.errors
    assert ended.code == 75


async def test_a_role_without_permissions_is_named(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("revoke all on schema_migrations from test_app")
    await connection.close()
    ended = await failing(database, "api")
    assert "CONSENT_POSTGRES__DSN: test_app lacks a permission" in ended.errors
    assert ended.code == 78


@pytest.mark.parametrize(
    ("process", "section"), [("api", "HTTP"), ("api", "METRICS"), ("worker", "WORKER")], ids=lambda word: word.lower()
)
async def test_a_port_that_is_taken_is_named(
    process: str, section: str, new_database: NewDatabase, taken_port: int
) -> None:
    settings = {f"{section}__PORT": str(taken_port)}
    ended = await failing(await new_database("consent"), process, settings)
    expected = f"consent: CONSENT_{section}__PORT: port {taken_port} of 127.0.0.1 is taken by another process\n"
    assert (ended.errors, ended.code) == (expected, 75)


async def test_an_address_of_another_machine_is_named(new_database: NewDatabase) -> None:
    ended = await failing(await new_database("consent"), "api", {"HTTP__HOST": "192.0.2.1", "HTTP__PLAINTEXT": "true"})
    assert ended.errors == "consent: CONSENT_HTTP__HOST: 192.0.2.1 is no address of this machine\n"
    assert ended.code == 78


async def test_an_api_that_others_reach_is_served_over_tls_or_its_settings_say_why_not(
    new_database: NewDatabase,
) -> None:
    ended = await failing(await new_database("consent"), "api", {"HTTP__HOST": "0.0.0.0"})
    assert ended.errors == (
        "consent: CONSENT_HTTP__CERTIFICATE_FILE: is needed, with KEY_FILE, where the API listens beyond this machine; "
        "or HTTP__PLAINTEXT=true, if TLS ends before it\n"
    )
    assert ended.code == 78


async def test_notify_starts_only_where_it_can_write_sms_and_letters(new_database: NewDatabase, tmp_path: Path) -> None:
    database = await new_database("notify")
    file = tmp_path / "file"
    file.touch()
    folders = {"FOLDERS__SMS": str(tmp_path), "FOLDERS__LETTERS": str(file)}
    ended = await failing(database, "worker", folders, contacts=RING)
    assert ended.errors == f"notify: NOTIFY_FOLDERS__LETTERS: {file} is no folder\n"
    assert ended.code == 78


@pytest.mark.parametrize("content", [None, "no certificate", "elliptic"])
async def test_notify_starts_only_with_a_certificate_for_which_sms_and_letters_can_be_encrypted(
    new_database: NewDatabase, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "gateway.pem"
    if content == "elliptic":
        content = Authority(tmp_path).issue("gateway").certificate.read_text()
    if content is not None:
        file.write_text(content)
    gateways = {
        "GATEWAYS__SMS_CERTIFICATE_FILE": str(gateways_settings().sms_certificate_file),
        "GATEWAYS__LETTERS_CERTIFICATE_FILE": str(file),
    }
    folders = {"FOLDERS__SMS": str(tmp_path), "FOLDERS__LETTERS": str(tmp_path)}
    ended = await failing(await new_database("notify"), "worker", {**folders, **gateways}, contacts=RING)
    assert ended.errors.startswith(f"notify: NOTIFY_GATEWAYS__LETTERS_CERTIFICATE_FILE: {file} is not a certificate in")
    assert ended.code == 78


async def test_notify_starts_only_where_the_gateways_are_named(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(processes.OWN["notify"], "GATEWAYS__SMS_CERTIFICATE_FILE")
    ended = await failing(await new_database("notify"), "worker", contacts=RING)
    missing = "NOTIFY_GATEWAYS__SMS_CERTIFICATE_FILE is missing"
    assert (ended.errors, ended.code) == (f"notify: settings are missing or wrong: {missing}\n", 78)


async def test_a_file_of_authorities_that_is_not_there_is_named(new_database: NewDatabase, tmp_path: Path) -> None:
    names = ("ROOTS", "PERSONS", "ORGANISATIONS", "REVOCATIONS")
    files = {f"PROFESSIONALS__CARD_{name}": str(tmp_path / name) for name in names}
    rings = dict.fromkeys(("ins_hmac", "contacts", "people_to_call", "persons"), RING)
    ended = await failing(await new_database("identity"), "api", {**files, "PROFESSIONALS__EDGE_KEYS": RING}, **rings)
    reason = f"{tmp_path / 'ROOTS'} cannot be read as certificates in PEM"
    assert ended.errors == f"identity: IDENTITY_PROFESSIONALS__CARD_ROOTS: {reason}\n"
    assert ended.code == 78


async def test_a_broker_that_refuses_the_login_is_named(new_database: NewDatabase, kafka: Topics) -> None:
    if not kafka.parts.has_acls:
        pytest.skip("the broker knows no users")
    settings = {f"KAFKA__{name.upper()}": value for name, value in kafka.environment("consent").items()}
    ended = await failing(await new_database("consent"), "recover", {**settings, "KAFKA__PASSWORD": "secret-word"})
    assert "CONSENT_KAFKA__USERNAME, CONSENT_KAFKA__PASSWORD: " in ended.errors
    assert "refuses consent: wrong password, or unknown user" in ended.errors
    assert ended.code == 78


async def test_a_broker_user_without_permissions_is_named(new_database: NewDatabase, kafka: Topics) -> None:
    if not kafka.parts.has_acls:
        pytest.skip("the broker knows no users")
    settings = {f"KAFKA__{name.upper()}": value for name, value in kafka.environment("notify").items()}
    ended = await failing(await new_database("consent"), "recover", settings)
    assert ended.errors.startswith("consent: CONSENT_KAFKA__USERNAME: the broker does not let notify use all topics")
    assert ended.code == 78


async def test_a_broker_that_is_not_there_is_named(new_database: NewDatabase) -> None:
    ended = await failing(await new_database("consent"), "recover")
    assert ended.errors == "consent: CONSENT_KAFKA__BOOTSTRAP: nothing listens on 127.0.0.1:1\n"
    assert ended.code == 75


async def test_a_worker_says_once_why_it_has_no_broker_and_goes_on(new_database: NewDatabase) -> None:
    process = await start(await new_database("consent"), "worker", rings={})
    assert process.stderr is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        assert line == b"consent: CONSENT_KAFKA__BOOTSTRAP: nothing listens on 127.0.0.1:1\n"
        started = await read_until(process.stdout, "process.started")
        assert started["version"] != "unknown"
        assert started["port"] > 0
        assert (await read_until(process.stdout, "loop.failed"))["code"] == "broker-unreachable"
    finally:
        process.terminate()
        await process.communicate()
