"""The MLLP process and PostgreSQL are killed while messages arrive: nothing is lost and nothing is doubled.

python tests/chaos/mllp.py [--messages 400] [--kills 8]

Starts everything in a temporary folder. Eight connections send messages, each again with the same bytes, over a new
connection, until it is acknowledged. Meanwhile `records-mllp` and PostgreSQL are killed with SIGKILL in turn.
Afterwards each document exists once and is published. Exit code 0 when it holds.
"""

import asyncio
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import typer

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import connect
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.benchmarks.doors import let_it_send
from tests.e2e.acting import Scene, set_scene
from tests.infra.platform.commands import tell
from tests.infra.platform.waiting import eventually
from tests.infra.records.hl7v2_messages import MllpClient, message_of

AT_ONCE, PAUSE_S, BACK_OFF_S = 8, 3.0, 0.2
VICTIMS = ("records-mllp", "records-mllp", "postgres")
COUNT = """
select count(*) as stored, count(distinct unique_id) as different,
       count(*) filter (where status = 'published') as visible
from documents"""


@dataclass
class Sending:
    """The messages that wait, and how often one had to be sent again."""

    waiting: list[bytes]
    port: int
    resent: int = 0
    refused: list[str] = field(default_factory=list)

    async def work(self) -> None:
        """Sends messages one after another until none is left."""
        while self.waiting:
            await self._until_acknowledged(self.waiting.pop())

    async def _until_acknowledged(self, message: bytes) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    answer = (await MllpClient(reader, writer).send(message)).answer
                finally:
                    writer.close()
                if answer == "AA":
                    return
                if not answer.startswith("AR"):
                    self.refused.append(answer)
                    return
            self.resent += 1
            await asyncio.sleep(BACK_OFF_S)


async def kill_in_turn(stack: Stack, kills: int) -> None:
    """Kills the victims in turn, each once the one before is back."""
    for number in range(kills):
        await asyncio.sleep(PAUSE_S)
        victim = VICTIMS[number % len(VICTIMS)]
        tell(f"killing {victim}")
        await stack.kill(victim)
        await stack.wait_ready(victim, 120)


async def play(folder: Path, messages: int, kills: int) -> bool:
    """Runs everything on a separate stack. Returns whether each document exists once and is published."""
    async with Stack(folder / "var", report=print_progress) as stack:
        await bootstrap(stack.layout)
        async with connect(endpoints.read(stack.layout)) as dmp:
            scene = await set_scene(stack, dmp)
            await let_it_send(scene)
            sending = Sending(bodies(scene, messages), stack.ports["mllp"])
            async with asyncio.TaskGroup() as group:
                group.create_task(kill_in_turn(stack, kills))
                for _ in range(AT_ONCE):
                    group.create_task(sending.work())
            tell(f"{messages} messages acknowledged, {sending.resent} attempts repeated, refused: {sending.refused}")
            return not sending.refused and await is_whole(stack, messages)


def bodies(scene: Scene, count: int) -> list[bytes]:
    """Returns messages with a document each."""
    structure = STRUCTURES[HOSPITAL]
    return [message_of(letter(scene.person, structure), scene.person, structure.id) for _ in range(count)]


async def is_whole(stack: Stack, messages: int) -> bool:
    """Waits until as many documents are published as messages were acknowledged; returns whether none is doubled."""
    dsn = endpoints.read(stack.layout)["services"]["records"]["app_dsn"]

    async def counted() -> asyncpg.Record | None:
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(dsn)
            try:
                row = await connection.fetchrow(COUNT)
            finally:
                await connection.close()
            return row if row is not None and row["visible"] >= messages else None
        return None

    row = await eventually(counted)
    tell(f"stored {row['stored']}, different {row['different']}, published {row['visible']}")
    return bool(row["stored"] == row["different"] == row["visible"] == messages)


def main(
    messages: Annotated[int, typer.Option(min=1)] = 400,
    kills: Annotated[int, typer.Option(min=0)] = 8,
) -> None:
    """Kills the MLLP process and PostgreSQL while messages arrive."""
    with tempfile.TemporaryDirectory(prefix="dmp-mllp-") as folder:
        held = asyncio.run(play(Path(folder), messages, kills))
    tell("nothing lost, nothing doubled" if held else "NOT whole")
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    typer.run(main)
