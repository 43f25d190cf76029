"""A whole installation on pods: started in a network namespace without any way out, reached through the edge only."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.cluster.network import ADDRESS, make_bridge
from deploy.cluster.real import RealCluster
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, STRUCTURES
from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import REPOSITORY
from deploy.local.platform.pki import make_pki
from deploy.local.platform.supervisor import Progress
from deploy.manifests.variables import DOMAIN
from shared.contracts.declarations import SERVICES
from tests.infra.cluster.cluster_edge import edge_before_pods
from tests.infra.cluster.endpoint_slices import Addresses, following
from tests.infra.cluster.images import PAUSE, Images
from tests.infra.cluster.overlay import EDGE_KEYS, secrets, write_overlay
from tests.infra.cluster.platform import PROVIDER_ADDRESS, PlatformStack, mail_server, provider

WINDOW_S: Final = 10
"""Seconds for which alerts of one record are gathered."""
_RELEASE_S: Final = 600
_SHOWN_LINES: Final = 40
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Installation:
    """A running installation. `addresses`: of the APIs' pods that are ready now; `card`: the doctor's, PEM."""

    stack: PlatformStack
    cluster: RealCluster
    overlay: Path
    addresses: Addresses
    card: Path
    dmp: Dmp
    credentials: dict[str, Any]
    tell: Tell

    async def release(self, *words: str) -> None:
        """Runs `python -m deploy.release`, as who releases does. Raises LocalError with its last line."""
        await release(self.cluster, self.overlay, self.tell, *words)


@asynccontextmanager
async def installation(folder: Path, images: Images, tell: Tell) -> AsyncIterator[Installation]:
    """Starts everything, with the current release. The process has entered network and mount namespaces of its own."""
    make_bridge(PROVIDER_ADDRESS)
    name_hosts(folder / "hosts")
    pki, edge = folder / "pki", folder / "edge"
    make_pki(pki, PROFESSIONALS[DOCTOR].id, STRUCTURES[HOSPITAL].id)
    edge.mkdir()

    def report(progress: Progress) -> None:
        tell(f"{progress.name}: {progress.state} {progress.detail}")

    async with AsyncExitStack() as resources:
        stack = PlatformStack(folder / "var", report)
        os.environ["SSL_CERT_FILE"] = str(stack.authority.file)
        cluster = RealCluster(folder / "cluster", images=[images.archive], pause=PAUSE, report=report)
        await resources.enter_async_context(stack)
        await resources.enter_async_context(mail_server(stack))
        await resources.enter_async_context(provider(stack))
        await resources.enter_async_context(cluster)
        overlay = write_overlay(folder / "overlay", window_s=WINDOW_S)
        await release(cluster, overlay, tell, "prepare")
        edge_keys = stack.secrets.keyring(EDGE_KEYS)
        await cluster.apply(secrets(stack, pki, edge_keys))
        addresses = await resources.enter_async_context(following(cluster, edge))
        await resources.enter_async_context(edge_before_pods(stack, pki, edge_keys, edge))
        resources.push_async_exit(lambda kind, *_: show_pods(cluster, tell) if kind else _nothing())
        await release(cluster, overlay, tell, "apply", "--release", "current", "--image", images.current)
        credentials = await bootstrap(stack.layout)
        dmp = await resources.enter_async_context(connect(endpoints.read(stack.layout)))
        yield Installation(stack, cluster, overlay, addresses, pki / "card.pem", dmp, credentials, tell)


async def release(cluster: RealCluster, overlay: Path, tell: Tell, *words: str) -> None:
    """Runs `python -m deploy.release` on the overlay. Raises LocalError with its last line."""
    options = ("--overlay", str(overlay), "--timeout", str(_RELEASE_S))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.release", words[0], *options, *words[1:]),
        cwd=REPOSITORY,
        env=cluster.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    line = ""
    try:
        async for written in process.stdout:
            line = written.decode().strip()
            tell(f"release: {line}")
        if await process.wait() != 0:
            raise LocalError(line)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def show_pods(cluster: RealCluster, tell: Tell) -> None:
    """Says how the pods stand and what happened to them last, for a person who looks into a failure."""
    for words in (("pods", "--output=wide"), ("events", "--sort-by=.lastTimestamp")):
        lines = (await cluster.kubectl("get", *words, "--namespace=dmp")).splitlines()
        for line in lines[-_SHOWN_LINES:]:
            tell(line)


async def _nothing() -> None:
    """Does nothing."""


def name_hosts(file: Path) -> None:
    """Lets this process and its children resolve the installation's names, in a mount namespace of their own."""
    names = " ".join(f"{name}.{DOMAIN}" for name in (*SERVICES, "cards", "smtp"))
    lines = ("127.0.0.1 localhost", f"{ADDRESS} {names}", f"{PROVIDER_ADDRESS} psc.{DOMAIN}", "")
    file.write_text("\n".join(lines), "utf-8")
    subprocess.run(["mount", "--bind", str(file), "/etc/hosts"], check=True)
