"""The section "To replace a key" of docs/keys.md, followed while people deposit: each deposit becomes an alert mail.

The ring is that of the contacts, which identity and notify share: identity seals a contact under it, notify opens it
whenever it writes to the person. After every step a record is opened, and a hospital deposits into it and into one that
was opened before the first step.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.demo.mailbox import caught_mails
from deploy.local.platform import endpoints
from deploy.local.platform.services import Role, of_installation, roles_of
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, set_scene
from tests.e2e.command_line import CommandResult, run_command
from tests.infra.platform.paths import ROOT
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

PAGE = (ROOT / "docs" / "keys.md").read_text("utf-8")
BLOCKS = [block.split("\n") for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]
(NEW_KEY, *_), REWRAP, (STATUS,) = ([line.strip() for line in block if line.strip()] for block in BLOCKS)
RING = "keyring/contacts"
PROCESSES = [(service, role) for service in ("identity", "notify") for role in roles_of(service)]
ALERT = "Nouveau document dans votre dossier médical partagé"


@dataclass(frozen=True)
class Rotation:
    """A custodian and an operator at work on an installation, and a record that was opened before."""

    stack: Stack
    dmp: Dmp
    scene: Scene

    @property
    def _secrets(self) -> Path:
        return self.stack.layout.secrets / "secrets.json"

    @property
    def ring(self) -> str:
        """The ring as it is stored for both services."""
        return str(json.loads(self._secrets.read_text("utf-8"))[RING])

    def store_ring(self, ring: str) -> None:
        """Stores another ring for both services. No running process reads it."""
        secrets = json.loads(self._secrets.read_text("utf-8"))
        self._secrets.write_text(json.dumps({**secrets, RING: ring}), "utf-8")

    async def restart(self, service: str, role: Role) -> None:
        """Ends one process, and starts it with the stored ring."""
        services = of_installation(self.stack.layout, endpoints.read(self.stack.layout))
        await self.stack.stop(f"{service}-{role}")
        await self.stack.supervisor.start(services.process(service, role))

    async def run(self, command: str, *options: str) -> CommandResult:
        """Runs a command of the page."""
        done = await run_command(self.stack, *command.removeprefix(".venv/bin/dmp ").split(), *options)
        assert done.exit_code == 0, done.stderr
        return done

    async def rows_under(self, key: str) -> dict[str, tuple[str, dict[str, int]]]:
        """Returns the state of a key of the ring at each service, and the number of rows under it by column."""
        keys: list[dict[str, Any]] = (await self.run(STATUS, "--json")).json
        kid = key.partition(":")[0]
        return {
            row["service"]: (row["state"], row["rows"])
            for row in keys
            if (row["ring"], row["kid"]) == ("contacts", kid)
        }

    async def check_alerts(self) -> None:
        """Deposits into the old record and into a new one, and waits for the mail about each."""
        for scene in (self.scene, await set_scene(self.stack, self.dmp)):
            before = self._alerts(scene)
            assert (await scene.done(await scene.deposit()))["status"] == "published"

            async def is_mailed(scene: Scene = scene, count: int = before + 1) -> bool:
                return self._alerts(scene) == count

            await eventually(is_mailed)

    def _alerts(self, scene: Scene) -> int:
        return sum(mail.subject == ALERT for mail in caught_mails(self.stack.layout.mail, scene.person.mail))


@pytest_asyncio.fixture(name="rotation")
async def make_rotation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rotation]:
    """A stack of this file's own, because its ring changes."""
    folder = tmp_path_factory.mktemp("rotation")
    folder.chmod(0o711)
    async with Stack(folder / "var") as stack:
        await bootstrap(stack.layout)
        async with connect(endpoints.read(stack.layout)) as dmp:
            yield Rotation(stack, dmp, await set_scene(stack, dmp))


async def test_a_key_is_replaced_by_rolling_restarts_and_every_deposit_becomes_an_alert(rotation: Rotation) -> None:
    old, new = rotation.ring, (await rotation.run(NEW_KEY)).stdout.strip()
    await rotation.check_alerts()
    for ring in (f"{old},{new}", f"{new},{old}"):
        rotation.store_ring(ring)
        for service, role in PROCESSES:
            await rotation.restart(service, role)
            await rotation.check_alerts()
    assert (await rotation.rows_under(old))["notify"][1], "rows of before the rotation lie under the old key"

    for command in REWRAP:
        await rotation.run(command)
        await rotation.check_alerts()
    assert await rotation.rows_under(old) == {"identity": ("kept", {}), "notify": ("kept", {})}
    under_new = await rotation.rows_under(new)
    assert {service: state for service, (state, _) in under_new.items()} == {"identity": "active", "notify": "active"}
    assert under_new["notify"][1]

    rotation.store_ring(new)
    assert await rotation.rows_under(old) == {}, "no row needs it"
    await rotation.restart("notify", "worker")
    await rotation.check_alerts()
