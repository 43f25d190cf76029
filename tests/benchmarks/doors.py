"""What a document costs by HL7 v2 over MLLP, compared with the same document by POST /fhir, in one run.

python -m tests.benchmarks.doors [--documents 300] [--size 60000]

Both doors take documents of one size for the same record, in alternating rounds, over eight connections each. The
figure is the CPU of the API's process and of the listener's, for each document until its answer: what follows is the
same for both. The result is printed as JSON; `ratio` is MLLP to FHIR.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import FHIR, connect
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES, session_of
from deploy.local.demo.letter import letter
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from tests.e2e.acting import Scene, set_scene
from tests.infra.platform import costs
from tests.infra.platform.waiting import eventually
from tests.infra.records.hl7v2_messages import APPLICATION, FACILITY, MllpClient, message_of

ROUNDS, AT_ONCE = 6, 8
Send = Callable[[bytes], Awaitable[None]]


@dataclass
class Door:
    """A door's process, and what its documents cost so far: CPU seconds and times to the answer."""

    process: str
    cpu: float = 0.0
    times: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Returns milliseconds of CPU for each document, and the median time to the answer."""
        count = len(self.times)
        return {"cpu_ms": round(self.cpu / count * 1000, 2), "p50_ms": round(statistics.median(self.times) * 1000, 1)}


def documents(scene: Scene, count: int, size: int) -> list[bytes]:
    """Returns letters to this person of about `size` bytes, each with an identifier of its own."""
    padding = " ".join(uuid4().hex for _ in range(size // 33))
    letters = (letter(scene.person, STRUCTURES[HOSPITAL]) for _ in range(count))
    return [text.replace(b"</ClinicalDocument>", f"<!-- {padding} --></ClinicalDocument>".encode()) for text in letters]


async def send_all(bodies: Sequence[bytes], senders: Sequence[Send], times: list[float]) -> None:
    """Sends each body once, by as many senders at a time as there are."""
    waiting = list(bodies)

    async def work(send: Send) -> None:
        while waiting:
            body = waiting.pop()
            began = time.perf_counter()
            await send(body)
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(work(send) for send in senders))


async def measure(stack: Stack, door: Door, bodies: Sequence[bytes], senders: Sequence[Send]) -> None:
    """Adds a round to the door's costs."""
    before = costs.look(pids_of(stack, door))
    await send_all(bodies, senders, door.times)
    spent = costs.spent(before, costs.look(pids_of(stack, door)))
    door.cpu += spent[door.process]


def pids_of(stack: Stack, door: Door) -> dict[str, int]:
    """Returns the process id of the door."""
    pid = stack.pid(door.process)
    assert pid is not None
    return {door.process: pid}


async def run(count: int, size: int) -> dict[str, object]:
    """Returns the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="dmp-doors-") as folder:
        async with Stack(Path(folder) / "var") as stack:
            await bootstrap(stack.layout)
            async with connect(endpoints.read(stack.layout)) as dmp:
                scene = await set_scene(stack, dmp)
                return await compare(stack, scene, count, size)


async def compare(stack: Stack, scene: Scene, count: int, size: int) -> dict[str, object]:
    """Sends the documents of both doors in alternating rounds."""
    fhir, mllp = Door("records-api"), Door("records-mllp")
    await let_it_send(scene)
    clients = [MllpClient(*await asyncio.open_connection("127.0.0.1", stack.ports["mllp"])) for _ in range(AT_ONCE)]

    async def by_fhir(body: bytes) -> None:
        await scene.hospital.call("POST", "records", "/fhir", content=body, headers=FHIR)

    def by_mllp(client: MllpClient) -> Send:
        async def send(body: bytes) -> None:
            acknowledgement = await client.send(body)
            assert acknowledgement.answer == "AA", acknowledgement.raw

        return send

    structure = STRUCTURES[HOSPITAL].id
    senders = [by_mllp(client) for client in clients]
    for number in range(ROUNDS + 1):
        bundles = [bundle_of_cda(text) for text in documents(scene, count // ROUNDS, size)]
        messages = [message_of(text, scene.person, structure) for text in documents(scene, count // ROUNDS, size)]
        if number == 0:  # warms both up
            await send_all(bundles, [by_fhir] * AT_ONCE, [])
            await send_all(messages, senders, [])
            continue
        await measure(stack, fhir, bundles, [by_fhir] * AT_ONCE)
        await measure(stack, mllp, messages, senders)
    return {
        "documents": len(mllp.times),
        "bytes": size,
        "fhir": fhir.figures(),
        "mllp": mllp.figures(),
        "ratio": round(mllp.cpu / len(mllp.times) / (fhir.cpu / len(fhir.times)), 2),
    }


async def let_it_send(scene: Scene) -> None:
    """Registers the hospital's sending application, and waits until the listener knows it."""
    credentials = endpoints.read(scene.stack.layout)["credentials"]
    administrator = session_of(scene.dmp, credentials, "administrator")
    body = {"applications": [f"{APPLICATION}|{FACILITY}"]}
    client_id = credentials[HOSPITAL]["client_id"]
    await administrator.call("PUT", "identity", f"/clients/{client_id}/messaging", json=body)
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.stack.ports["mllp"])
    client = MllpClient(reader, writer)
    probe = message_of(b"no CDA", scene.person, STRUCTURES[HOSPITAL].id)

    async def is_known() -> bool:
        return (await client.send(probe)).answer == "AE 102"

    await eventually(is_known)
    writer.close()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--size", type=int, default=60_000, help="bytes of a document")
    options = parser.parse_args()
    print(json.dumps(asyncio.run(run(options.documents, options.size)), indent=2))


if __name__ == "__main__":
    main()
