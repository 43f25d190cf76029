"""Common actions of the end-to-end tests: open a record, deposit, wait for the result."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from deploy.local.demo.client import FHIR, Dmp, Session
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES, session_of
from deploy.local.demo.letter import letter
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.demo.polling import is_done
from deploy.local.platform import endpoints
from deploy.local.platform.probes import answers
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from tests.infra.platform.waiting import eventually

SECOND = "records-api-2"


@dataclass(frozen=True)
class Scene:
    """An installation with an open record and a hospital."""

    stack: Stack
    dmp: Dmp
    person: InventedPerson
    record_id: str
    hospital: Session

    @property
    def holder(self) -> Session:
        """The session of the patient."""
        return self.dmp.patient(self.record_id)

    async def deposit(self, **headers: str) -> str:
        """Deposits a letter. Returns the path of its tracking."""
        body = bundle_of_cda(letter(self.person, STRUCTURES[HOSPITAL]))
        answer = await self.hospital.call("POST", "records", "/fhir", content=body, headers=FHIR | headers)
        return str(answer.headers["location"])

    async def progress(self, place: str) -> dict[str, Any]:
        """Returns the tracking of the deposit's only document."""
        document: dict[str, Any] = (await self.hospital.call("GET", "records", place)).json()["documents"][0]
        return document

    async def done(self, place: str) -> dict[str, Any]:
        """Waits until the tracking of the deposit's only document is complete, and returns it."""

        async def look() -> dict[str, Any] | None:
            progress = await self.progress(place)
            return progress if is_done(progress) else None

        return await eventually(look)


@asynccontextmanager
async def another_reader(stack: Stack, **settings: str) -> AsyncIterator[str]:
    """Runs a second instance of records' API under the stack's supervisor, with other settings. Yields its URL."""
    spec, port = stack.services.process("records", "api"), free_port()

    async def healthy() -> bool:
        return await answers(port, "/readyz")

    second = replace(
        spec,
        name=SECOND,
        log=stack.layout.log(SECOND),
        healthy=healthy,
        environment={**spec.environment, "RECORDS_HTTP__PORT": str(port), "RECORDS_METRICS__PORT": "0", **settings},
    )
    await stack.supervisor.start(second)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await stack.stop(SECOND)


def free_port() -> int:
    """Returns a free port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def set_scene(stack: Stack, dmp: Dmp) -> Scene:
    """Opens a record for a new person."""
    person = invent()
    credentials = endpoints.read(stack.layout)["credentials"]
    administrator = session_of(dmp, credentials, "administrator")
    hospital = session_of(dmp, credentials, HOSPITAL)
    opened = await administrator.call(
        "POST", "identity", "/records", json=person.opening(), headers={"prefer": "wait=10"}
    )
    scene = Scene(stack, dmp, person, opened.json()["record_id"], hospital)

    async def in_force() -> bool:
        answer = await administrator.call(
            "GET", "identity", f"/records/{scene.record_id}", headers={"prefer": "wait=10"}
        )
        return bool(answer.json()["status"] == "in-force")

    await eventually(in_force)
    return scene
