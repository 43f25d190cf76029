"""What operators do is a command of the service: in groups with help, with exit codes, and with results as JSON."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from joserfc.jwk import ECKey

from shared.contracts.declarations import SERVICES
from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, CONSENT_STATES, RECORDS_DOCUMENTS
from shared.crypto.keyring import Keyring
from shared.runtime import clock
from shared.service.process import COMMANDS
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.processes import ProcessResult, run
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

RING = f"one:{'A' * 43}"
BY_JANE = ("--operator", "jane")
GROUP = CONSENT_DEPOSIT_CHECKS.name
ENTRIES = "select payload from outbox where topic = 'consent.accesses.v1' order by id"
LEAVE_CLUSTER = "update outbox_offsets set cluster_id = 'former'"
REFUSED = """
insert into refused_announcements
  (event_id, topic, key, event_type, subject, traceparent, occurred_at, payload, error_code)
values ($1, $2, 'key', 'consent.type.v1', 'key', '00-0-0-00', now(), '{}', 'record-too-large')"""


def call(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of a service without any setting."""
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)


async def consent(database: Database, *arguments: str, **settings: str) -> tuple[int, Any]:
    """Runs a command of consent. Returns its exit code and its result, or its complaint."""
    ended: ProcessResult = await run(database, *arguments, rings={}, settings=settings)
    assert "Traceback" not in ended.errors
    return ended.code, json.loads(ended.output) if ended.output else ended.errors


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_lists_its_commands_in_groups(service: str) -> None:
    done = call(f"services.{service}", "--help")
    assert done.returncode == 0
    assert [command.name for command in COMMANDS if f"\n  {command.name} " not in done.stdout] == []
    groups = [line for line in done.stdout.splitlines() if line.endswith(":")]
    assert groups[:3] == ["Processes:", "The database:", "Keys:"]
    assert "Exit codes: 0 done" in done.stdout


def test_a_word_that_is_no_command_lists_them_and_is_a_wrong_usage() -> None:
    refused = call("services.consent", "dlt")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "dlt redrive" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert call("services.consent", "dlt", "show", "no-id").returncode == 2


def test_keys_are_made_before_there_are_settings() -> None:
    ring = Keyring.parse(call("services.records", "keys", "new", "--kid", "2027-01").stdout.strip())
    assert ring.active == "2027-01"
    [signing] = json.loads(call("services.identity", "keys", "new", "signing").stdout)
    assert (signing["crv"], signing["alg"], "d" in signing) == ("P-256", "ES256", True)
    assert call("services.records", "keys", "new", "--kid", "a:b").returncode == 2


async def test_dead_letters_are_listed_tried_again_and_given_up(new_database: NewDatabase, kafka: Topics) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    record = clock.new_id()
    async with worker(Recorder(), database, kafka):
        await kafka.put_raw(RECORDS_DOCUMENTS.name, b"{", str(record).encode(), {})

        async def is_there() -> bool:
            connection = await asyncpg.connect(database.dsn)
            try:
                return bool(await connection.fetchval("select count(*) from parked_messages"))
            finally:
                await connection.close()

        await eventually(is_there)
    _, [letter] = await consent(database, "dlt", "list", "--group", GROUP)
    assert (letter["group"], letter["code"]) == (GROUP, "envelope-invalid")
    assert await consent(database, "dlt", "redrive", "--group", GROUP, *BY_JANE) == (
        1,
        [{"id": letter["id"], "handled": 0, "hindrance": "envelope-invalid"}],
    )
    discard = ("dlt", "discard", letter["id"], "--operator", "operator-7", "--reason")
    assert (await consent(database, *discard, "a free text"))[0] == 2
    assert (await consent(database, *discard, "test-data"))[0] == 0
    connection = await asyncpg.connect(database.dsn)
    failed, entry = [json.loads(row["payload"]) for row in await connection.fetch(ENTRIES)]
    assert (failed["action"], failed["outcome"]) == ("redrive-dead-letter", "refused")
    await connection.close()
    assert (entry["actor"]["kind"], entry["actor"]["id"], entry["reason"]) == ("operator", "operator-7", "test-data")
    code, complaint = await consent(database, "dlt", "show", letter["id"])
    assert (code, complaint) == (1, "consent: There is no such dead letter; it may have been redriven already.\n")


async def test_the_offsets_of_each_group_are_listed(new_database: NewDatabase, kafka: Topics) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    async with worker(Recorder(), database, kafka):
        await eventually(lambda: _has_offsets(database))
    settings = {f"KAFKA__{name.upper()}": value for name, value in kafka.environment("consent").items()}
    code, offsets = await consent(database, "offsets", "list", **settings)
    assert code == 0
    assert GROUP in {offset["group"] for offset in offsets}
    assert {offset["is_lost"] for offset in offsets} == {False}


async def _has_offsets(database: Database) -> bool:
    connection = await asyncpg.connect(database.dsn)
    try:
        return bool(await connection.fetchval("select count(*) from consumer_offsets where group_name = $1", GROUP))
    finally:
        await connection.close()


async def test_a_refused_fact_is_sent_again_and_a_refused_state_is_not(new_database: NewDatabase) -> None:
    database = await new_database("consent")
    fact, state = uuid4(), uuid4()
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(REFUSED, fact, "consent.accesses.v1")
    await connection.execute(REFUSED, state, CONSENT_STATES.name)
    _, listed = await consent(database, "refused", "list")
    assert {entry["event_id"] for entry in listed} == {str(fact), str(state)}
    assert (await consent(database, "refused", "send", str(fact)))[0] == 2
    assert (await consent(database, "refused", "send", str(fact), *BY_JANE))[0] == 0
    sent, entry = await connection.fetch("select event_id, payload, xmin from outbox order by id")
    assert (sent["event_id"], sent["xmin"]) == (fact, entry["xmin"])
    acted = json.loads(entry["payload"])
    assert (acted["action"], acted["subject_id"]) == ("send-refused-announcement", str(fact))
    assert acted["actor"] | {"kind": "operator", "id": "jane", "client_id": "command-line"} == acted["actor"]
    code, complaint = await consent(database, "refused", "send", str(state), *BY_JANE)
    assert code == 1
    assert "not sent again" in complaint
    await connection.close()


async def test_what_recover_does_on_another_cluster_is_entered_with_who_did_it_and_a_refusal_is_not(
    new_database: NewDatabase, kafka: Topics, tmp_path: Path
) -> None:
    database, report = await new_database("consent"), tmp_path / "records.json"
    settings = {f"KAFKA__{name.upper()}": value for name, value in kafka.environment("consent").items()}
    ahead = {"topic": CONSENT_STATES.name, "key": str(uuid4()), "version": 4, "on_topic": 0}
    report.write_text(json.dumps({"ahead": [ahead, {**ahead, "topic": RECORDS_DOCUMENTS.name}]}))
    connection = await asyncpg.connect(database.dsn)

    code, complaint = await consent(database, "recover", "--announce", *BY_JANE, **settings)
    assert (code, "belongs to this Kafka cluster" in complaint) == (1, True)
    assert (await consent(database, "recover", "--above", str(tmp_path), *BY_JANE, **settings))[0] == 2
    assert (await consent(database, "recover", "--check", *BY_JANE, **settings))[0] == 0
    assert await connection.fetch(ENTRIES) == []

    await connection.execute(LEAVE_CLUSTER)
    code, announced = await consent(database, "recover", "--announce", *BY_JANE, **settings)
    assert (code, announced["erased_again"]) == (0, 0)
    code, withheld = await consent(database, "recover", "--above", str(report), *BY_JANE, **settings)
    assert (code, withheld["undecided"]) == (0, {CONSENT_STATES.name: [ahead["key"]]})
    entries = [json.loads(row["payload"]) for row in await connection.fetch(ENTRIES)]
    assert [(entry["action"], entry["count"]) for entry in entries] == [("announce-anew", None), ("withhold-states", 1)]
    assert {(entry["actor"]["id"], entry["actor"]["client_id"]) for entry in entries} == {("jane", "command-line")}
    await connection.close()


async def test_the_first_administrator_is_registered_by_a_public_key(new_database: NewDatabase, tmp_path: Path) -> None:
    database, file = await new_database("identity"), tmp_path / "key.jwk.json"
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    words = ("first-administrator", "--name", "operations", "--key", str(file))
    rings = dict.fromkeys(("ins_hmac", "contacts", "people_to_call", "persons"), RING)
    file.write_text(json.dumps(key.as_dict(private=True)))
    refused = await run(database, *words, rings=rings)
    assert refused.code == 1
    assert "Never send a private key" in refused.errors
    file.write_text(json.dumps(key.as_dict(private=False)))
    done = await run(database, *words, rings=rings)
    assert done.code == 0
    connection = await asyncpg.connect(database.dsn)
    kind = await connection.fetchval("select kind from clients where id = $1", json.loads(done.output)["client_id"])
    await connection.close()
    assert kind == "administrator"


async def test_a_missing_key_is_an_exit_code(new_database: NewDatabase) -> None:
    database = await new_database("audit")
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(
        "insert into record_keys (bucket, record_id, kid, wrapped) values (1, $1, 'old', 'x')", uuid4()
    )
    await connection.close()
    ended = await run(database, "keys", "status", rings={"motives": RING, "kek": RING})
    assert ended.code == 1
    assert '"state": "missing"' in ended.output
