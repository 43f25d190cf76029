"""Limits count by the client's own address, which a trusted proxy alone may name."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.local.platform.edge import Edge, start
from deploy.local.platform.pki import make_pki
from services.identity.app import make_api
from services.identity.settings import Settings
from shared.service.serving import http_config
from tests.infra.http.servers import listening
from tests.infra.identity.identity_api import settings_of
from tests.infra.identity.openings import asking
from tests.infra.identity.professionals import DOCTOR, EDGE_KEYS, HOSPITAL
from tests.infra.platform.certificates import Authority, CertificateFiles
from tests.infra.platform.databases import Database

FREE_TRIES, FREE_OPENINGS = 6, 30
"""What one address may do before it is slowed (`THROTTLE_RULES`, `RATE_LIMITS`)."""


def settings(database: Database, *proxies: str) -> Settings:
    return settings_of(database, accounts={"refusal_s": 0}, http={"trusted_proxies": ",".join(proxies)})


@asynccontextmanager
async def serving(made: Settings) -> AsyncIterator[str]:
    """Yields the URL of identity's API, configured like its process."""
    async with listening(http_config(make_api(made), made.http)) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def client_at(address: str, url: str, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """Yields a client that connects from this address of the loopback."""
    transport = httpx2.AsyncHTTPTransport(local_address=address, **options)
    async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
        yield client


async def guess(client: httpx2.AsyncClient, forwarded: str | None = None) -> int:
    """Tries a wrong password; `forwarded`: the value of X-Forwarded-For."""
    body = {"identifier": "nobody@patient.example", "password": "not this one, surely not"}
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return (await client.post("/sign-in", json=body, headers=headers)).status_code


async def ask_to_open(client: httpx2.AsyncClient, number: int) -> int:
    return (await client.post("/openings/online", json=asking(number))).status_code


@pytest.fixture
async def entrance(database: Database, tmp_path: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """The TLS entrance before identity's API, which trusts it; and how its certificate is verified."""
    folder = tmp_path / "pki"
    make_pki(folder, DOCTOR.id, HOSPITAL)
    context = ssl.create_default_context(cafile=folder / "roots.pem")
    context.load_verify_locations(folder / "organisations.pem")
    async with serving(settings(database, "127.0.0.1")) as upstream:
        edge = await start(Edge(upstream, EDGE_KEYS), 0, folder)
        async with edge:
            yield f"https://127.0.0.1:{edge.sockets[0].getsockname()[1]}", context


async def test_two_clients_behind_the_entrance_are_slowed_apart(entrance: tuple[str, ssl.SSLContext]) -> None:
    url, context = entrance
    async with (
        client_at("127.0.0.2", url, verify=context) as first,
        client_at("127.0.0.3", url, verify=context) as other,
    ):
        assert [await guess(first) for _ in range(FREE_TRIES + 1)] == [403] * FREE_TRIES + [429]
        assert await guess(other) == 403


async def test_a_client_behind_the_entrance_cannot_choose_its_address(entrance: tuple[str, ssl.SSLContext]) -> None:
    url, context = entrance
    async with client_at("127.0.0.2", url, verify=context) as client:
        statuses = [await guess(client, f"192.0.2.{number}") for number in range(FREE_TRIES + 1)]
    assert statuses == [403] * FREE_TRIES + [429]


async def test_openings_of_two_clients_behind_a_proxy_are_counted_apart(database: Database) -> None:
    async with serving(settings(database, "127.0.0.1")) as url, httpx2.AsyncClient(base_url=url) as proxy:
        proxy.headers["x-forwarded-for"] = "192.0.2.1"
        asked = await asyncio.gather(*(ask_to_open(proxy, number) for number in range(FREE_OPENINGS + 1)))
        assert sorted(asked) == [202] * FREE_OPENINGS + [429]
        proxy.headers["x-forwarded-for"] = "192.0.2.2"
        assert await ask_to_open(proxy, FREE_OPENINGS + 1) == 202


async def test_of_several_addresses_the_last_that_is_no_proxy_counts(database: Database) -> None:
    async with (
        serving(settings(database, "127.0.0.1", "10.1.0.0/16")) as url,
        httpx2.AsyncClient(base_url=url) as proxy,
    ):
        made_up = [await guess(proxy, f"203.0.113.{n}, 192.0.2.7, 10.1.0.4") for n in range(FREE_TRIES + 1)]
        assert made_up == [403] * FREE_TRIES + [429]
        assert await guess(proxy, "203.0.113.0, 192.0.2.8, 10.1.0.4") == 403


@pytest.mark.parametrize("proxies", [(), ("10.1.0.0/16",)])
async def test_whoever_is_no_trusted_proxy_is_counted_whatever_it_says(
    proxies: tuple[str, ...], database: Database
) -> None:
    async with serving(settings(database, *proxies)) as url, httpx2.AsyncClient(base_url=url) as client:
        statuses = [await guess(client, f"192.0.2.{number}") for number in range(FREE_TRIES + 1)]
    assert statuses == [403] * FREE_TRIES + [429]


@asynccontextmanager
async def serving_tls(database: Database, authority: Authority) -> AsyncIterator[str]:
    """Yields the URL of identity's API over TLS, which believes proxies that this authority certifies."""
    files = authority.issue("api", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    tls = {"certificate_file": files.certificate, "key_file": files.key, "proxy_authorities_file": authority.file}
    made = settings_of(database, accounts={"refusal_s": 0}, http=tls)
    async with listening(http_config(make_api(made), made.http)) as port:
        yield f"https://127.0.0.1:{port}"


def showing(authority: Authority, shown: CertificateFiles | None = None) -> ssl.SSLContext:
    """Returns the TLS of a client that verifies servers by this authority and shows this certificate."""
    context = ssl.create_default_context(cafile=authority.file)
    if shown is not None:
        context.load_cert_chain(shown.both)
    return context


async def test_a_proxy_that_shows_its_certificate_names_the_client_from_any_address(
    database: Database, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    proxy = showing(authority, authority.issue("edge", usage=ExtendedKeyUsageOID.CLIENT_AUTH))
    async with serving_tls(database, authority) as url:
        async with client_at("127.0.0.2", url, verify=proxy) as client:
            assert [await guess(client, "192.0.2.1") for _ in range(FREE_TRIES + 1)] == [403] * FREE_TRIES + [429]
            assert await guess(client, "192.0.2.2") == 403
        async with client_at("127.0.0.2", url, verify=showing(authority)) as client:
            statuses = [await guess(client, f"192.0.2.{number}") for number in range(3, FREE_TRIES + 4)]
    assert statuses == [403] * FREE_TRIES + [429]


@pytest.mark.parametrize("usage", [ExtendedKeyUsageOID.SERVER_AUTH, None])
async def test_neither_another_api_nor_a_stranger_is_taken_for_a_proxy(
    usage: Any, database: Database, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    issuer = authority if usage else Authority(tmp_path, "strangers")
    shown = issuer.issue("another", usage=usage)
    async with (
        serving_tls(database, authority) as url,
        client_at("127.0.0.2", url, verify=showing(authority, shown)) as client,
    ):
        with pytest.raises(httpx2.HTTPError):
            await guess(client, "192.0.2.1")
