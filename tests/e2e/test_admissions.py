"""An admission over MLLP changes the person's choices, and the hospital's listener learns what became of a document."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES, session_of
from deploy.local.demo.letter import letter
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, set_scene
from tests.infra.platform.waiting import UNTIL_DONE, eventually
from tests.infra.records.hl7v2_admissions import Admission, collected
from tests.infra.records.hl7v2_messages import APPLICATION, FACILITY, MessageParts, MllpClient, pid
from tests.infra.records.mllp_receiver import MllpReceiver, run_receiver

pytestmark = pytest.mark.long
STRUCTURE = STRUCTURES[HOSPITAL]


@pytest.fixture
async def receiver() -> AsyncIterator[MllpReceiver]:
    async with run_receiver() as listening:
        yield listening


@pytest.fixture
async def scene(stack: Stack, dmp: Dmp, receiver: MllpReceiver) -> Scene:
    """An open record, and a hospital whose messages are taken and which listens itself."""
    scene = await set_scene(stack, dmp)
    credentials = endpoints.read(stack.layout)["credentials"]
    listener = {"host": "127.0.0.1", "port": receiver.port, "tls": False}
    await session_of(dmp, credentials, "administrator").call(
        "PUT",
        "identity",
        f"/clients/{credentials[HOSPITAL]['client_id']}/messaging",
        json={"applications": [f"{APPLICATION}|{FACILITY}"], "listener": listener},
    )
    return scene


def own_pid(scene: Scene) -> str:
    """Returns PID without a birth place, which these people have not."""
    return pid(scene.person).replace("~^^^^^^BDL^^99100", "")


def admission(scene: Scene, control_id: str, **said: str) -> bytes:
    return Admission(scene.person, consents=collected(**said), control_id=control_id, pid=own_pid(scene)).encoded()


def asking(scene: Scene, control_id: str) -> bytes:
    """Returns a message with a document that asks for a business acknowledgement."""
    content = letter(scene.person, STRUCTURE)
    parts = MessageParts(scene.person, (content,), control_id=control_id, structure=STRUCTURE.id, type_code="11490-0")
    parts.metadata, parts.pid = {"ACK_RECEPTION": "Y"}, own_pid(scene)
    return parts.encoded()


async def accept(stack: Stack, message: bytes) -> None:
    """Sends a message until it is accepted: at first the listener does not know the sender yet."""

    async def is_accepted() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.ports["mllp"])
        try:
            answer = (await MllpClient(reader, writer).send(message)).answer
        finally:
            writer.close()
        assert not answer.startswith("AE"), answer
        return answer == "AA"

    await eventually(is_accepted)


async def choices_once(scene: Scene, name: str, value: object) -> dict[str, Any]:
    """Waits until the person's choices have this value; returns them."""

    async def look() -> dict[str, Any] | None:
        state: dict[str, Any] = (
            await scene.holder.call("GET", "consent", f"/records/{scene.record_id}/choices")
        ).json()
        return state if state[name] == value else None

    return await eventually(look)


async def acknowledged(receiver: MllpReceiver, control_id: str) -> str:
    """Waits for the business acknowledgement of a message; returns its value and the code of its error."""

    async def look() -> str | None:
        for _, observed, *errors in receiver.segments:
            if observed[4] == control_id:
                return " ".join([observed[5][:1], *(error[5].split("^")[0] for error in errors)])
        return None

    return await eventually(look)


async def test_an_objection_collected_at_the_admission_holds_until_the_person_ends_it(
    scene: Scene, stack: Stack, receiver: MllpReceiver
) -> None:
    await accept(stack, admission(scene, "A-1", feeding="IO", consultation="IC"))
    state = await choices_once(scene, "feeding_objections", [STRUCTURE.id])
    assert [objection["structure_id"] for objection in state["collected_objections"]] == [STRUCTURE.id]
    attested = await eventually(lambda: _attestation(scene))
    assert attested["given_by"] == "software"
    await accept(stack, asking(scene, "M-1"))
    assert await acknowledged(receiver, "M-1") == "N consent-opposed"
    await scene.holder.call(
        "DELETE",
        "consent",
        f"/records/{scene.record_id}/feeding-objections/{STRUCTURE.id}",
        headers={"prefer": UNTIL_DONE},
    )
    await accept(stack, asking(scene, "M-2"))
    assert await acknowledged(receiver, "M-2") == "Y"
    await accept(stack, admission(scene, "A-2", feeding="IO"))
    entries = await eventually(lambda: _reasons(scene, "patient-chose-later"))
    assert {"consents-collected", "collected-consent", "patient-chose-later"} <= entries
    assert (await choices_once(scene, "feeding_objections", []))["collected_objections"] == []


async def _attestation(scene: Scene) -> dict[str, Any] | None:
    state = (await scene.holder.call("GET", "consent", f"/records/{scene.record_id}/choices")).json()
    return next((given for given in state["authorisations"] if given["how"] == "care-team"), None)


async def _reasons(scene: Scene, awaited: str) -> set[str] | None:
    """Returns the reasons in the list of accesses, once the awaited one is among them."""
    answer = await scene.holder.call("GET", "audit", f"/records/{scene.record_id}/accesses")
    reasons = {entry["reason"] for entry in answer.json()["accesses"]}
    return reasons if awaited in reasons else None
