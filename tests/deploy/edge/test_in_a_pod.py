"""The edge as a pod runs it: it proves itself to the APIs, follows a mounted Secret, is watched, and ends politely."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.edge import drain
from deploy.edge.drain import at_work
from services.identity.app import make_api
from shared.runtime.settings import HttpSettings
from shared.service.serving import http_config
from tests.deploy.edge.test_limits import FREE_TRIES, guess
from tests.infra.edge.running_edge import HOSTS, RunningEdge, running_edge
from tests.infra.http.servers import listening
from tests.infra.identity.identity_api import settings_of
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
PATIENCE_S = 30


async def test_the_edge_is_believed_by_its_certificate_and_two_clients_behind_it_are_slowed_apart(
    database: Database, tmp_path: Path
) -> None:
    inside = Authority(tmp_path, "inside")
    api = inside.issue("identity-api", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    proof = inside.issue("proof", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    http = HttpSettings(certificate_file=api.certificate, key_file=api.key, proxy_authorities_file=inside.file)
    app = make_api(settings_of(database, accounts={"refusal_s": 0}))
    async with listening(http_config(app, http)) as port:
        files: dict[str, Any] = {
            "service_authorities": inside.file,
            "service_certificate": proof.certificate,
            "service_key": proof.key,
        }
        async with running_edge(tmp_path, {"identity": f"127.0.0.1:{port}"}, **files) as edge:
            async with edge.client("identity", address="127.0.0.2") as first:
                assert [await guess(first) for _ in range(FREE_TRIES + 1)] == [403] * FREE_TRIES + [429]
            async with edge.client("identity", address="127.0.0.3") as other:
                assert await guess(other) == 403


def mounted(folder: Path, version: str, files: dict[str, bytes]) -> Path:
    """Puts files into a folder as the kubelet does: links to links into a folder that is replaced as a whole."""
    (folder / version).mkdir(parents=True)
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (new := folder / "..data_tmp").symlink_to(version)
    new.replace(folder / "..data")
    return folder


async def test_a_secret_that_is_mounted_anew_counts_without_a_restart(tmp_path: Path) -> None:
    first, renewed = Authority(tmp_path, "first"), Authority(tmp_path, "renewed")

    def files(authority: Authority, name: str) -> dict[str, bytes]:
        pair = authority.issue(name, HOSTS)
        return {"edge.crt": pair.certificate.read_bytes(), "edge.key": pair.key.read_bytes()}

    folder = mounted(tmp_path / "tls", "..1", files(first, "one"))
    changes: dict[str, Any] = {"certificate": folder / "edge.crt", "key": folder / "edge.key"}
    async with running_edge(tmp_path, {}, **changes) as edge:

        async def shows(authority: Authority) -> bool:
            edge.authority = authority
            try:
                async with edge.client("identity") as client:
                    return (await client.get("/livez")).status_code == 503
            except httpx2.HTTPError:
                return False

        assert await eventually(lambda: shows(first))
        mounted(folder, "..2", files(renewed, "two"))
        assert await eventually(lambda: shows(renewed))


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with running_edge(tmp_path, {}) as running:
        yield running


async def test_the_installation_sees_readiness_and_metrics_and_can_change_nothing(edge: RunningEdge) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.settings.monitor_port}") as client:
        assert (await client.get("/ready")).status_code == 200
        assert "envoy_http_downstream_rq_total" in (await client.get("/stats/prometheus")).text
        for method, path in (("POST", "/quitquitquit"), ("GET", "/config_dump"), ("POST", "/ready"), ("GET", "/")):
            assert (await client.request(method, path)).status_code == 404, path


async def test_an_edge_that_ends_finishes_the_requests_at_work_and_takes_no_new_ones_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, answered = asyncio.Event(), asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reached.set()
        await answered.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    upstream = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    services = {"records": f"127.0.0.1:{upstream.sockets[0].getsockname()[1]}"}
    async with upstream, running_edge(tmp_path, services) as edge, edge.client("records") as client:
        at_work_now = asyncio.create_task(client.get("/livez"))
        await asyncio.wait_for(reached.wait(), PATIENCE_S)
        options = (str(edge.settings.admin_port), str(PATIENCE_S))
        draining = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", drain.__file__, *options)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.settings.monitor_port}") as monitor:

            async def is_out() -> bool:
                return (await monitor.get("/ready")).status_code == 503

            assert await eventually(is_out)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(draining.wait(), drain.DEREGISTRATION_S + 1)
        answered.set()
        answer = await asyncio.wait_for(at_work_now, PATIENCE_S)
        assert (answer.status_code, answer.headers["connection"]) == (204, "close")
        assert await asyncio.wait_for(draining.wait(), PATIENCE_S) == 0


def test_only_the_requests_of_callers_are_waited_for() -> None:
    stats = (
        "http.admin.downstream_rq_active: 1\nhttp.cards.downstream_rq_active: 2\nhttp.https.downstream_rq_active: 3\n"
    )
    assert at_work(stats) == 5
