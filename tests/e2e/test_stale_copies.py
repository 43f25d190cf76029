"""While the broker is down, copies become stale; records then answers 503, except to the holder and in emergencies."""

from collections.abc import Mapping
from uuid import uuid4

import httpx2
import pytest

from deploy.local.demo.client import Dmp, Session
from deploy.local.demo.credentials import DOCTOR, PROFESSIONALS, SECOND_DOCTOR
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, another_reader, set_scene
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

LIMIT_S = 12
"""Age limit of copies; heartbeats are sent every five seconds."""


async def test_while_the_broker_is_away_others_are_not_answered_and_who_may_be_judged_by_old_copies_is(
    stack: Stack, dmp: Dmp
) -> None:
    scene = await set_scene(stack, dmp)
    document = (await scene.done(await scene.deposit()))["document_id"]
    async with (
        another_reader(stack, RECORDS_FRESHNESS__LIMIT_S=str(LIMIT_S)) as url,
        httpx2.AsyncClient(base_url=f"{url}/fhir/Binary", timeout=30, trust_env=False) as client,
    ):
        missing, (doctor, *others) = uuid4(), await _readers(scene)

        async def ask(reader: Mapping[str, str], document_id: object = document) -> httpx2.Response:
            return await client.get(f"/{document_id}", headers=reader)

        async def doctor_reads() -> bool:
            return (await ask(doctor)).status_code == 200

        async def nothing_is_answered() -> bool:  # the last heartbeat may have reached some partitions only
            return all([(await ask(doctor, document_id)).status_code == 503 for document_id in (document, missing)])

        await eventually(doctor_reads)
        await stack.stop("kafka")
        try:
            await eventually(nothing_is_answered)
            assert (await ask(doctor)).content == (await ask(doctor, missing)).content
            assert [(await ask(other)).status_code for other in others] == [200, 200, 200]
        finally:
            await stack.start_again("kafka")
        await eventually(doctor_reads)
    await scene.done(await scene.deposit())  # all services work again


async def _readers(scene: Scene) -> list[dict[str, str]]:
    """Returns headers of an authorised doctor, of the patient, of the depositor and of an emergency."""
    doctor, second = PROFESSIONALS[DOCTOR].id, PROFESSIONALS[SECOND_DOCTOR].id
    authorisation = f"/records/{scene.record_id}/authorisations/{doctor}"
    await scene.holder.call("PUT", "consent", authorisation, headers={"prefer": "wait=10"})
    urgent = {"mode": "bris_de_glace", "motive": "Perte de connaissance, seul", "patient": scene.person.patient}
    emergency = scene.dmp.professional(second, **urgent)
    sessions: list[Session] = [scene.dmp.professional(doctor), scene.holder, scene.hospital, emergency]
    return [{"authorization": f"Bearer {await session.token()}"} for session in sessions]
