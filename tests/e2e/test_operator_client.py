"""The operator's client on a running installation: it sees every process, and acts with the operator's own key."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg
import pytest

from deploy.local.demo.credentials import OPERATOR
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import CONSENT_STATES
from tests.infra.platform.waiting import eventually

ROOT = Path(__file__).parents[2]


async def run(context: Path, *words: str) -> tuple[int, str, str]:
    """Returns exit code, output and errors of a command."""
    command = (sys.executable, "-m", "deploy.cli", *words, "--context", str(context))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def set_offsets_behind_the_ends(stack: Stack, service: str) -> None:
    """Lets a database remember that it has sent more than its topics hold, as if their logs were cut off."""
    connection = await asyncpg.connect(stack.postgres.dsn(service))
    try:
        await connection.execute("update outbox_offsets set next_offset = next_offset + 100000")
    finally:
        await connection.close()


@pytest.fixture
def context(stack: Stack, tmp_path: Path) -> Path:
    """The context file of the operator of the installation."""
    operator = endpoints.read(stack.layout)["credentials"][OPERATOR]
    lines = [f'client_id = "{operator["client_id"]}"', f'key_file = "{operator["key"]}"']
    for name in SERVICES:
        lines += [f"[services.{name}]", f'api = "{stack.url(name)}"', f'worker = "{stack.url(name, "worker")}"']
    path = tmp_path / "context.toml"
    path.write_text("\n".join(lines))
    return path


async def test_the_status_of_a_whole_installation_is_healthy(context: Path) -> None:
    code, output, errors = await run(context, "status", "--json")
    status = json.loads(output)
    assert (code, errors) == (0, "")
    assert status["healthy"]
    assert len(status["processes"]) == 2 * len(SERVICES)


async def test_a_process_that_is_away_makes_the_status_fail(stack: Stack, context: Path) -> None:
    await stack.kill("consent-worker", restart=False)
    try:
        code, output, _ = await run(context, "status")
    finally:
        await stack.start_again("consent-worker")
    assert code == 1
    assert "consent-worker   does not answer" in output


async def test_an_operator_lists_dead_letters_and_recovers_what_was_not_lost(context: Path) -> None:
    assert await run(context, "dlt", "list") == (0, "[]\n", "")
    code, output, _ = await run(context, "recover", "consent")
    assert (code, json.loads(output)["adopted"]) == (0, {})


async def test_an_operator_checks_that_nothing_is_missing_and_is_refused_to_announce_it_anew(
    context: Path, tmp_path: Path
) -> None:
    async def nothing_is_missing() -> bool:
        return (await run(context, "recover", "--check"))[0] == 0

    await eventually(nothing_is_missing)  # what is on its way when it is checked counts as missing
    code, output, errors = await run(context, "recover", "--check", "consent", "audit")
    assert (set(json.loads(output)), errors) == ({"consent", "audit"}, "")
    code, _, errors = await run(context, "recover", "consent", "--announce")
    assert (code, "cluster-unchanged" in errors) == (1, True)
    check = tmp_path / "check.json"
    check.write_text(output)
    code, output, _ = await run(context, "recover", "identity", "--above", str(check))
    assert (code, json.loads(output)) == (0, {"undecided": {}})


async def test_an_operator_announces_anew_what_the_topics_of_a_service_have_lost(stack: Stack, context: Path) -> None:
    await stack.kill("consent-worker", restart=False)
    await set_offsets_behind_the_ends(stack, "consent")
    await stack.start_again("consent-worker")

    async def has_noticed() -> bool:
        _, output, _ = await run(context, "recover", "--check", "consent")
        report = json.loads(output)["consent"] if output else None
        return report is not None and report["cluster"] == "another"

    async def is_whole() -> bool:
        checked, looked = await run(context, "recover", "--check", "consent"), await run(context, "status")
        return (checked[0], looked[0]) == (0, 0)

    await eventually(has_noticed)
    assert (await run(context, "recover", "consent"))[0] == 1, "everything must be announced anew"
    code, output, errors = await run(context, "recover", "consent", "--announce")
    assert (code, errors) == (0, "")
    assert CONSENT_STATES.name in json.loads(output)["states"]
    await eventually(is_whole)


async def test_a_dead_letter_that_is_nowhere_is_said_in_one_line(context: Path) -> None:
    code, output, errors = await run(context, "dlt", "show", "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b")
    assert (code, output) == (1, "")
    assert errors.startswith("error: there is no dead letter")
    assert errors.count("\n") == 1
