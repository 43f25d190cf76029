"""Envoy and the signer as processes, before servers of the tests, with certificates made for them."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.edge.__main__ import write
from deploy.edge.program import installed_envoy
from deploy.edge.settings import EdgeSettings
from deploy.edge.tls import Json
from deploy.local.platform.pki import Pki, make_pki
from deploy.local.platform.ports import HOST, Ports
from shared.contracts.declarations import SERVICES
from tests.infra.identity.identity_api import KEYRING
from tests.infra.identity.professionals import DOCTOR, HOSPITAL
from tests.infra.platform.certificates import Authority
from tests.infra.platform.waiting import eventually

ROOT = Path(__file__).parents[3]
DOMAIN = "dmp.example"
HOSTS = (*(f"{service}.{DOMAIN}" for service in SERVICES), f"cards.{DOMAIN}", f"operators.{DOMAIN}")
NOWHERE = f"{HOST}:1"


@dataclass
class RunningEdge:
    """A running edge: its settings, its folder, the PKI of cards, and the authority of its own certificate."""

    settings: EdgeSettings
    folder: Path
    pki: Pki
    authority: Authority
    signer: asyncio.subprocess.Process

    def trust(self, leaf: str | None = None) -> ssl.SSLContext:
        """Returns the TLS of a client, which shows the certificate `leaf` of the PKI."""
        context = ssl.create_default_context(cafile=self.authority.file)
        if leaf is not None:
            context.load_cert_chain(self.folder / "pki" / f"{leaf}.pem")
        return context

    @asynccontextmanager
    async def client(
        self, service: str, *, leaf: str | None = None, address: str = HOST
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """Yields a client of a service, or of `cards`, that connects from this address of the loopback."""
        port = self.settings.cards_port if service == "cards" else self.settings.https_port
        host = f"{service}.{DOMAIN}"
        transport = httpx2.AsyncHTTPTransport(verify=self.trust(leaf), local_address=address)
        async with httpx2.AsyncClient(
            transport=_Named(transport, host), base_url=f"https://{HOST}:{port}", headers={"host": host}, timeout=60
        ) as client:
            yield client

    async def connect(self, service: str, address: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Opens a connection over TLS from this address, for bytes as a test writes them."""
        host, local = f"{service}.{DOMAIN}", (address, 0)
        return await asyncio.open_connection(
            HOST, self.settings.https_port, ssl=self.trust(), server_hostname=host, local_addr=local
        )

    def show(self, authority: Authority) -> None:
        """Replaces the edge's certificate by one of this authority, as a renewal does."""
        issued = authority.issue("renewed", HOSTS)
        for new, old in ((issued.key, self.settings.key), (issued.certificate, self.settings.certificate)):
            new.replace(old)


class _Named(httpx2.AsyncBaseTransport):
    """Verifies the server under its name although it is reached by its address."""

    def __init__(self, transport: httpx2.AsyncHTTPTransport, host: str) -> None:
        self._transport, self._host = transport, host

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions["sni_hostname"] = self._host
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@asynccontextmanager
async def running_edge(
    folder: Path,
    services: Mapping[str, str],
    *,
    mllp: str = NOWHERE,
    pki: Pki | None = None,
    names: Json | None = None,
    **changes: Any,
) -> AsyncIterator[RunningEdge]:
    """Runs the edge before these addresses; services that are not named cannot be reached.

    `pki`: that of the folder `pki`. `names`: Envoy's resolver of names, in place of the machine's.
    """
    program = installed_envoy()
    if program is None:
        pytest.skip("Envoy is not installed: `python -m deploy.edge.program` installs it")
    pki = pki or make_pki(folder / "pki", DOCTOR.id, HOSPITAL)
    authority = Authority(folder, "edge-authority")
    pair = authority.issue("edge", HOSTS)
    cards = folder / "card-authorities.pem"
    cards.write_bytes(pki.root.pem + pki.persons.pem + pki.organisations.pem)
    async with AsyncExitStack() as stack:
        ports = stack.enter_context(Ports())
        claimed = [f"edge-{name}" for name in ("https", "cards", "mllp", "operators", "admin", "signer", "monitor")]
        ports.claim(claimed, None)
        https, cards_port, mllp_port, operators_port, admin, signer, monitor = (ports[name] for name in claimed)
        values = {"domain": DOMAIN, "host": HOST, "https_port": https, "cards_port": cards_port, "mllp_port": mllp_port}
        values |= {"operators_port": operators_port, "admin_port": admin}
        values |= {"monitor_port": monitor, "signer": f"{HOST}:{signer}", "mllp": mllp}
        values |= {"certificate": pair.certificate, "key": pair.key, "card_authorities": cards}
        values |= {"services": dict.fromkeys(SERVICES, NOWHERE) | dict(services)}
        settings = EdgeSettings.model_validate({**values, **changes})
        options = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
        signing = await _start(stack, sys.executable, "-m", "deploy.edge.signer", settings.signer)
        resolver = [] if names is None else ["--config-yaml", json.dumps({"typed_dns_resolver_config": names})]
        envoy = await _start(stack, str(program), "-c", str(write(settings, folder)), *resolver, *options)

        async def is_ready() -> bool:
            assert envoy.returncode is None, "Envoy has ended: its last lines say why"
            return await _is_ready(admin)

        await eventually(is_ready)
        await eventually(lambda: _listens(signer))
        yield RunningEdge(settings, folder, pki, authority, signing)


async def _start(stack: AsyncExitStack, *command: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={**os.environ, "EDGE_KEYS": KEYRING})

    async def end() -> None:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 60)

    stack.push_async_callback(end)
    return process


async def _is_ready(admin: int) -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"http://{HOST}:{admin}/ready")).status_code == 200
        except httpx2.HTTPError:
            return False


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
