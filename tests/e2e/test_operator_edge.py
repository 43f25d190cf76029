"""Operators reach the workers through the edge alone: with a certificate of their authority, and a token besides."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from deploy.cli.__main__ import main
from deploy.local.demo.credentials import OPERATOR
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS, IDENTITY_RECORDS, TOPICS
from tests.infra.edge.running_edge import DOMAIN, RunningEdge, running_edge
from tests.infra.platform.certificates import Authority, CertificateFiles
from tests.infra.platform.waiting import eventually

REFUSED = (httpx2.HTTPError, ssl.SSLError)


def address_of(url: str) -> str:
    return url.removeprefix("http://")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edge")


@pytest.fixture(scope="module")
def jane(folder: Path) -> CertificateFiles:
    """The certificate of an operator."""
    return Authority(folder, "operator-authority").issue("jane")


@pytest_asyncio.fixture(scope="module")
async def edge(stack: Stack, folder: Path, jane: CertificateFiles) -> AsyncIterator[RunningEdge]:
    """The edge before the installation, with the operators' door."""
    services: dict[str, str] = {name: address_of(stack.url(name)) for name in SERVICES}
    workers = {name: address_of(stack.url(name, "worker")) for name in SERVICES}
    authorities = folder / "operator-authority.pem"
    async with running_edge(folder, services, workers=workers, operator_authorities=authorities) as running:
        yield running


@pytest.fixture
def context(stack: Stack, edge: RunningEdge, jane: CertificateFiles, tmp_path: Path) -> Path:
    """The operator's context file, as one of a distant installation: names, an authority, a certificate."""
    operator = endpoints.read(stack.layout)["credentials"][OPERATOR]
    lines = [
        f'issuer = "{stack.url("identity")}"',
        f'client_id = "{operator["client_id"]}"',
        f'key_file = "{operator["key"]}"',
    ]
    lines += [f'ca_file = "{edge.authority.file}"', f'certificate_file = "{jane.both}"']
    for name in SERVICES:
        lines += [f"[services.{name}]", f'api = "https://{name}.{DOMAIN}:{edge.settings.https_port}"']
        lines += [f'worker = "https://operators.{DOMAIN}:{edge.settings.operators_port}/{name}"']
    path = tmp_path / "context.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the names of the edge lead to this machine."""
    resolve = socket.getaddrinfo

    def local(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host or ""
        return resolve("127.0.0.1" if name.endswith(DOMAIN) else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)


def without_certificate(context: Path) -> Path:
    lines = context.read_text().splitlines()
    path = context.with_name("without.toml")
    path.write_text("\n".join(line for line in lines if not line.startswith("certificate_file")))
    return path


@pytest.mark.usefixtures("names")
async def test_an_operator_sees_and_recovers_through_the_edge(
    context: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["status", "--json", "--context", str(context)]) == 0
    assert len(json.loads(capsys.readouterr().out)["processes"]) == 2 * len(SERVICES)
    for words in (["dlt", "list"], ["refused", "list"], ["lost-deposits"]):
        assert await asyncio.to_thread(main, [*words, "--context", str(context)]) == 0
        assert json.loads(capsys.readouterr().out) == []

    async def every_consumer_has_started() -> bool:
        capsys.readouterr()
        return await asyncio.to_thread(main, ["offsets", "list", "--context", str(context)]) == 0

    await eventually(every_consumer_has_started)
    assert {offset["is_lost"] for offset in json.loads(capsys.readouterr().out)} == {False}
    assert await asyncio.to_thread(main, ["topics", "--context", str(context), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {size["topic"] for size in listed["topics"]} == {topic.name for topic in TOPICS if topic.writer in SERVICES}
    assert {(lag["group"], lag["topic"]) for lag in listed["lags"]} == {
        (group.name, topic.name) for group in GROUPS for topic in group.topics
    }
    assert await asyncio.to_thread(main, ["recover", "consent", "--context", str(context)]) == 0
    assert json.loads(capsys.readouterr().out)["adopted"] == {}
    await asyncio.to_thread(main, ["recover", "--check", "--context", str(context)])
    reports = json.loads(capsys.readouterr().out)
    assert {name: report["cluster"] for name, report in reports.items()} == dict.fromkeys(SERVICES, "same")
    assert await asyncio.to_thread(main, ["recover", "consent", "--announce", "--context", str(context)]) == 1
    assert "cluster-unchanged" in capsys.readouterr().err


@pytest.mark.usefixtures("names")
async def test_an_operator_withholds_a_state_through_the_edge(
    context: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = {"topic": IDENTITY_RECORDS.name, "key": str(uuid4()), "version": 3, "on_topic": 0}
    check = tmp_path / "check.json"
    check.write_text(json.dumps({"consent": {"ahead": [copy]}, "notify": None}))
    words = ["recover", "identity", "--above", str(check), "--context", str(context)]
    assert await asyncio.to_thread(main, words) == 0
    assert json.loads(capsys.readouterr().out) == {"undecided": {copy["topic"]: [copy["key"]]}}


@pytest.mark.usefixtures("names")
async def test_an_operator_without_a_certificate_reaches_no_worker(
    context: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["dlt", "list", "--context", str(without_certificate(context))]) == 1
    assert "worker does not answer" in capsys.readouterr().err


@pytest.mark.usefixtures("names")
async def test_the_door_takes_certificates_of_operators_alone_and_leads_to_their_routes_alone(
    edge: RunningEdge, jane: CertificateFiles
) -> None:
    url = f"https://operators.{DOMAIN}:{edge.settings.operators_port}"
    async with httpx2.AsyncClient(base_url=url, verify=edge.trust("card")) as card:
        with pytest.raises(REFUSED):
            await card.get("/records/readyz")
    trust = edge.trust()
    trust.load_cert_chain(jane.both)
    async with httpx2.AsyncClient(base_url=url, verify=trust) as operator:
        statuses = {
            path: (await operator.get(path)).status_code
            for path in ("/records/readyz", "/records/metrics", "/records/dead-letters", "/records/livez", "/other")
        }
        forged = await operator.get("/records/dead-letters", headers={"authorization": "Bearer none"})
    assert statuses == {
        "/records/readyz": 200,
        "/records/metrics": 200,
        "/records/dead-letters": 401,
        "/records/livez": 404,
        "/other": 404,
    }
    assert forged.status_code == 401
    async with edge.client("records") as stranger:
        assert (await stranger.get("/dead-letters")).status_code == 404
