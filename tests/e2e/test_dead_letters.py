"""Operators handle dead letters with the commands of `dmp`."""

import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.contracts.topics import AUDIT_LEDGER, CONSENT_DEPOSIT_CHECKS, RECORDS_DOCUMENTS
from tests.e2e.command_line import run_command
from tests.infra.platform.parts import USERS, Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

CHECKS, LEDGER = CONSENT_DEPOSIT_CHECKS.name, AUDIT_LEDGER.name

INSERT_FAILED = """
insert into business_acknowledgements (id, client_id, organisation_id, header, control_id, codec, created_at, due_at,
                                       attempts, reason, failed_at)
values ($1, 'software-9', '1990000105', '', 'MESSAGE-1', 'utf-8', now(), now(), 3, 'refused', now())"""


async def test_operators_list_redrive_and_discard_what_cannot_be_used(stack: Stack) -> None:
    passwords = {user: stack.kafka.credentials(user).password for user in USERS}
    topics = Topics(Parts(stack.postgres.dsn(), stack.kafka.bootstrap, passwords), "")
    try:
        for _ in range(3):
            await topics.put_raw(RECORDS_DOCUMENTS.name, b"{", str(uuid4()).encode(), {})
    finally:
        await topics.close()
    filters = ("--group", CHECKS, "--code", "envelope-invalid")

    async def listed() -> list[dict[str, Any]]:
        letters: list[dict[str, Any]] = json.loads((await run_command(stack, "dlt", "list", *filters, "--json")).stdout)
        return letters

    async def all_are_there() -> bool:
        return len(await listed()) == 3

    await eventually(all_are_there)

    async def are_counted() -> bool:
        groups = (await run_command(stack, "topics", "--sample", "0", "--json")).json["groups"]
        status = (await run_command(stack, "status", "--json")).json
        counted = {group["group"]: group["dead_letters"] for group in groups}
        return bool(counted[CHECKS] == counted[LEDGER] == status["dead_letters"].get(CHECKS) == 3)

    await eventually(are_counted)
    assert len(json.loads((await run_command(stack, "dlt", "list", "--group", LEDGER, "--json")).stdout)) == 3
    tried = await run_command(stack, "dlt", "redrive", *filters, "--before", "2100-01-01", "--limit", "2", "--json")
    assert tried.exit_code == 1
    assert [result["hindrance"] for result in json.loads(tried.stdout)] == ["envelope-invalid"] * 2
    assert f"2/2  {CHECKS}: envelope-invalid" in tried.stderr
    for letter in await listed():
        refused = await run_command(stack, "dlt", "discard", letter["id"], "--reason", "Free text")
        assert refused.exit_code == 1
        done = await run_command(stack, "dlt", "discard", letter["id"], "--reason", "test-data", "--json")
        assert (done.exit_code, json.loads(done.stdout)["hindrance"]) == (0, None)
    assert await listed() == []
    assert (await run_command(stack, "dlt", "discard", str(uuid4()), "--reason", "test-data")).exit_code == 1


async def test_operators_see_which_business_acknowledgements_no_listener_took(stack: Stack) -> None:
    none = await run_command(stack, "failed-acknowledgements")
    assert (none.exit_code, none.stderr.strip()) == (
        0,
        "every business acknowledgement was taken, or waits for its listener",
    )
    id = uuid4()
    connection = await asyncpg.connect(endpoints.read(stack.layout)["services"]["records"]["app_dsn"])
    try:
        await connection.execute(INSERT_FAILED, id)
        [failed] = (await run_command(stack, "failed-acknowledgements", "--limit", "1", "--json")).json
        shown = (await run_command(stack, "failed-acknowledgements")).stdout
    finally:
        await connection.execute("delete from business_acknowledgements where id = $1", id)
        await connection.close()
    assert (failed["id"], failed["control_id"], failed["reason"]) == (str(id), "MESSAGE-1", "refused")
    assert all(text in shown for text in ("software-9", "1990000105", "MESSAGE-1", "refused"))


async def test_operators_see_where_each_group_goes_on(stack: Stack) -> None:
    stored = json.loads((await run_command(stack, "offsets", "list", "--json")).stdout)
    assert CHECKS in {offset["group"] for offset in stored}
    assert not any(offset["is_lost"] for offset in stored)
    reset = await run_command(stack, "offsets", "reset", CHECKS, "--to", "beginning", "--yes", "--json")
    assert (reset.exit_code, json.loads(reset.stdout)) == (0, [])


async def test_operators_count_the_rows_under_each_key_and_seal_them_anew(stack: Stack) -> None:
    keys = json.loads((await run_command(stack, "keys", "status", "--json")).stdout)
    assert {key["service"] for key in keys} == {"identity", "records", "audit", "notify"}
    assert {key["state"] for key in keys} == {"active"}
    of_notify = json.loads((await run_command(stack, "keys", "status", "notify", "--json")).stdout)
    assert of_notify == [key for key in keys if key["service"] == "notify"]
    rewrapped = await run_command(stack, "keys", "rewrap", "identity", "--json")
    assert rewrapped.exit_code == 0
    assert {key["service"] for key in json.loads(rewrapped.stdout)} == {"identity"}
    corrected = await run_command(stack, "correct-telephones", "--json")
    assert corrected.exit_code == 0
    assert "contacts.sealed" in {column["column"] for column in json.loads(corrected.stdout)}
