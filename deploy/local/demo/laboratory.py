"""A step of the story: a laboratory sends a report over MLLP; its own listener gets the business acknowledgement."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from deploy.local.demo.credentials import ADMINISTRATOR, HOSPITAL, LABORATORY, STRUCTURES, Structure, session_of
from deploy.local.demo.letter import laboratory_report
from deploy.local.demo.people import InventedPerson
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story
from deploy.local.platform import endpoints
from deploy.local.platform.mllp import Acknowledgement, send_message
from shared.hl7v2.message import Message
from shared.moments import FRANCE

APPLICATION: Final = "LABO-DEMO|TROIS-RIVIERES"
_LOOPBACK: Final = "127.0.0.1"
_END: Final = b"\x1c\r"
_ANSWER: Final = "\x0bMSH|^~\\&|{sender}|||||||ACK|1|P|2.6\rMSA|AA|{control_id}\r\x1c\r"


async def send_a_report(story: Story) -> None:
    """An ORU^R01 with a CDA is answered AA; once the document is published, a ZAM^Z01 says so."""
    hospital = STRUCTURES[HOSPITAL]
    control_id, created = uuid4().hex[:20], datetime.now(UTC)
    message = report_message(story.patient, hospital, control_id, created)
    async with _listening() as (port, arrived):
        await _register(story, port)
        story.deposited_at = datetime.now(UTC)
        answer = await poll(lambda: _answer(story, message), every_s=0.2)
        story.expect(answer.is_accepted, f"the message was answered {answer.code} {' '.join(answer.errors)}")
        story.tell_event(hospital.name, f"its laboratory sends ORU^R01 over MLLP ({len(message) / 1000:.0f} kB): AA")
        confirmation = await arrived
    observed, kind = confirmation.first("OBX"), f"{confirmation.header.value(9)}^{confirmation.header.value(9, 2)}"
    story.expect(observed.value(4) == control_id, "the business acknowledgement is about another message")
    story.expect(observed.value(5) == "Y", "the laboratory's report is not published")
    story.tell_event("   its own listener", f"gets {kind}: {observed.value(3)} Y, the report is published")
    story.deposited_at = None


def report_message(person: InventedPerson, hospital: Structure, control_id: str, at: datetime) -> bytes:
    """Returns an ORU^R01 (CI-SIS 2.1) with a laboratory report, which asks for a business acknowledgement."""
    content = base64.b64encode(laboratory_report(person, hospital)).decode("ascii")
    sex = "F" if person.sex == "female" else "M"
    metadata = "ACK_RECEPTION^Accusé de réception^MetaDMPMSS||Y^^expandedYes-NoIndicator"
    segments = [
        f"MSH|^~\\&|{APPLICATION}|DMP|DMP|{at.astimezone(FRANCE):%Y%m%d%H%M%S%z}||ORU^R01^ORU_R01|{control_id}|P|2.5"
        "|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
        f"PID|||{person.ins}^^^ASIP-SANTE-INS-NIR&{person.oid}&ISO^INS||{person.birth_name}^{person.given_name}^^^^^L"
        f"||{person.birth_date:%Y%m%d}|{sex}|||^^^^^^BDL^^{person.birth_place}",
        "PV1|1|I",
        "ORC|NW|1",
        "OBR|1|1||11502-2^CR d'examens biologiques^LN",
        f"OBX|1|ED|11502-2^CR d'examens biologiques^LN||^TEXT^XML^Base64^{content}||||||F",
        f"PRT||UC||SB^^participation|899900000309^ESTREVAL^Maud|||laboratoire^^^^^^^^^{hospital.id}",
        f"OBX|2|CE|{metadata}||||||F",
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


async def _register(story: Story, port: int) -> None:
    """Lets an administrator say what the laboratory's messages are called, and where its own listener is."""
    client_id = story.credentials[LABORATORY]["client_id"]
    listener = {"host": _LOOPBACK, "port": port, "tls": False}
    body = {"applications": [APPLICATION], "listener": listener}
    administrator = session_of(story.dmp, story.credentials, ADMINISTRATOR)
    await administrator.call("PUT", "identity", f"/clients/{client_id}/messaging", json=body)


async def _answer(story: Story, message: bytes) -> Acknowledgement | None:
    """Sends the message; None where it is to be sent again, as long as records does not know the laboratory yet."""
    mllp = endpoints.read(story.layout)["mllp"]
    answer = await send_message(mllp["host"], mllp["port"], message)
    return None if answer.code == "AR" else answer


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[int, asyncio.Future[Message]]]:
    """Listens on a free port of the loopback, as the laboratory's software does, and accepts the first message."""
    arrived: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            message = Message((await reader.readuntil(_END)).strip(b"\x0b\x1c\r").decode())
            answer = _ANSWER.format(sender=APPLICATION, control_id=message.header.value(10))
            writer.write(answer.encode())
            await writer.drain()
            if not arrived.done():
                arrived.set_result(message)
        finally:
            writer.close()

    server = await asyncio.start_server(take, _LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1], arrived
    finally:
        server.close()
