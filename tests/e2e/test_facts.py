"""Facts of documents on the running installation: read after publication, seen by whom, replaced, gone."""

import re
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.demo.client import FHIR, Dmp
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from tests.e2e.acting import Scene, set_scene
from tests.e2e.command_line import run_command
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.deposited_facts import a_synthesis

EXTRACT = "records-extract"
BODY = re.compile(rb"<structuredBody>.*</structuredBody>", re.DOTALL)


def structured(scene: Scene, condition: str = "J45", replaces: str | None = None) -> bytes:
    """Returns a letter about the person of the scene whose body has coded entries."""
    content, [body] = (
        letter(scene.person, STRUCTURES[HOSPITAL]),
        BODY.findall(a_synthesis(Person(1), uuid4(), condition=condition)),
    )
    if replaces is not None:
        parent = f'<parentDocument><id root="{replaces}"/></parentDocument>'
        related = f'<relatedDocument typeCode="RPLC">{parent}</relatedDocument>\n  <componentOf>'
        content = content.replace(b"<componentOf>", related.encode(), 1)
    return BODY.sub(lambda _: body, content)


async def deposit(scene: Scene, content: bytes) -> str:
    """Deposits a document; returns the path of its tracking."""
    bundle = bundle_of_cda(content)
    answer = await scene.hospital.call("POST", "records", "/fhir", content=bundle, headers=FHIR | {"prefer": "wait=10"})
    return str(answer.headers["location"])


async def read(scene: Scene, place: str) -> dict[str, Any]:
    """Waits until the facts of the deposit's only document are read; returns its tracking."""

    async def look() -> dict[str, Any] | None:
        progress = await scene.progress(place)
        return progress if (progress["facts"] or {}).get("state") == "read" else None

    return await eventually(look)


async def codes(stack: Stack, scene: Scene, *options: str) -> set[str]:
    """Returns the codes of the problems that `dmp facts` lists."""
    listed = (await run_command(stack, "facts", "--record", scene.record_id, *options, "--json")).json
    return {each["code"]["coding"][0]["code"] for each in listed if each["resourceType"] == "Condition"}


async def test_a_document_is_visible_at_once_then_its_facts_and_they_go_with_it(stack: Stack, dmp: Dmp) -> None:
    scene = await set_scene(stack, dmp)
    doctor = PROFESSIONALS[DOCTOR].id
    assert (await run_command(stack, "authorise", doctor, "--record", scene.record_id)).exit_code == 0
    await stack.kill(EXTRACT, restart=False)
    content = structured(scene)
    place = await deposit(scene, content)
    pending = await scene.progress(place)
    first = pending["document_id"]
    assert (pending["status"], pending["facts"]["state"]) == ("published", "pending")
    await scene.holder.call("GET", "records", f"/fhir/Binary/{first}")
    await stack.start_again(EXTRACT)
    await read(scene, place)
    assert await codes(stack, scene) == await codes(stack, scene, "--as", DOCTOR) == {"J45"}
    shown = await run_command(stack, "facts", "--record", scene.record_id, "--kind", "allergy")
    assert "Amoxicilline" in shown.stdout

    [identifier] = re.findall(rb'<id root="([0-9a-f-]{36})"/>', content)[:1]
    progress = await read(scene, await deposit(scene, structured(scene, "I10", identifier.decode())))
    second = progress["document_id"]
    assert await codes(stack, scene) == {"I10"}
    assert await codes(stack, scene, "--document", first) == {"J45"}

    holder = f"patient:{scene.record_id}"
    assert (await run_command(stack, "label", second, "mask", "--as", holder)).exit_code == 0
    assert (await codes(stack, scene), await codes(stack, scene, "--as", DOCTOR)) == ({"I10"}, set())
    assert (await run_command(stack, "label", second, "delete", "--as", HOSPITAL)).exit_code == 0
    assert await codes(stack, scene) == set()
    assert await blocks(stack, scene)
    assert (await run_command(stack, "erase", scene.record_id, "--yes")).exit_code == 0
    assert await blocks(stack, scene) == []


@pytest.mark.long
async def test_a_process_killed_while_it_reads_again_leaves_nothing_doubled_and_nothing_behind(
    stack: Stack, dmp: Dmp
) -> None:
    scene = await set_scene(stack, dmp)
    places = [await deposit(scene, structured(scene)) for _ in range(12)]
    for place in places:
        await read(scene, place)
    before = await blocks(stack, scene)
    assert len(before) == 12
    await execute(stack, "update fact_blocks set extractor_version = 0, block = '' where record_id = $1", scene)

    async def has_read(count: int) -> bool:
        return sum(bool(row["extractor_version"]) for row in await blocks(stack, scene)) >= count

    async def kill() -> bool:
        try:
            await stack.kill(EXTRACT)
        except LocalError:  # it is being started
            return False
        return True

    for count in (0, 1, 5):  # a batch has four
        await eventually(partial(has_read, count))
        await eventually(kill)
        rows = await blocks(stack, scene)
        assert [row["document_id"] for row in rows] == [row["document_id"] for row in before]
        assert all((row["extractor_version"] == 0) == (row["size"] == 0) for row in rows)
    await eventually(partial(has_read, len(before)))
    assert [row["document_id"] for row in await blocks(stack, scene)] == [row["document_id"] for row in before]
    assert len(await codes(stack, scene)) == 1


async def blocks(stack: Stack, scene: Scene) -> list[asyncpg.Record]:
    """Returns the blocks of the record."""
    select = "select document_id, fact_group, extractor_version, octet_length(block) as size from fact_blocks"
    return await execute(stack, f"{select} where record_id = $1 order by 1, 2", scene)


async def execute(stack: Stack, statement: str, scene: Scene) -> list[asyncpg.Record]:
    """Runs a statement about the record in records' database."""
    connection = await asyncpg.connect(endpoints.read(stack.layout)["services"]["records"]["app_dsn"])
    try:
        return await connection.fetch(statement, scene.record_id)
    finally:
        await connection.close()
