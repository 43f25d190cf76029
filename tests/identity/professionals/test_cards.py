"""Cards of professionals and certificates of organisations, through the TLS entrance."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.local.platform.edge import Edge, start
from deploy.local.platform.pki import YEAR, Issued, Pki, make_pki, new_pki, write_lists
from services.identity.app import make_api
from services.identity.clients.domain.edge import SignedRequest, sign_certificate
from shared.crypto.keyring import Keyring
from shared.runtime import clock
from tests.infra.identity.identity_api import OTHER_KEYRING, administrator, new_key, running
from tests.infra.identity.professionals import (
    CLINIC,
    DOCTOR,
    EDGE_KEYS,
    HOSPITAL,
    STRANGER,
    caller_of,
    doors,
    enter,
    enter_all,
    passed_on,
    post_with,
    registered,
)
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually

CARD = "/professionals/card"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pki"


@pytest.fixture
def pki(folder: Path) -> Pki:
    return make_pki(folder, DOCTOR.id, HOSPITAL)


@pytest_asyncio.fixture
async def client(database: Database, pki: Pki, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(doors(database, pki=folder)) as made:
        await enter_all(made)
        yield made


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def present(client: httpx2.AsyncClient, issued: Issued, **body: Any) -> httpx2.Response:
    return await post_with(client, issued, CARD, json=body)


async def by_certificate(client: httpx2.AsyncClient, client_id: str, issued: Issued, **form: str) -> httpx2.Response:
    request = {"grant_type": "client_credentials", "client_id": client_id, **form}
    return await post_with(client, issued, "/oauth/token", data=request)


async def test_a_card_signs_its_professional_in(client: httpx2.AsyncClient, pki: Pki) -> None:
    caller = await caller_of(await present(client, pki.card(DOCTOR.id)))
    assert (caller.kind, caller.id, caller.profession) == ("professional", DOCTOR.id, "G15_10")
    assert (caller.organisation_id, caller.client_id) == (HOSPITAL, "card")


@pytest.mark.parametrize(
    ("person", "entry", "code"),
    [
        (STRANGER.id, None, "professional-not-in-directory"),
        (DOCTOR.id, {"status": "inactive"}, "professional-not-in-directory"),
        (DOCTOR.id, {"structure_ids": [CLINIC]}, "structure-differs"),
    ],
)
async def test_a_card_of_somebody_whom_the_directory_does_not_know_so_is_refused(
    client: httpx2.AsyncClient, pki: Pki, person: str, entry: dict[str, Any] | None, code: str
) -> None:
    if entry is not None:
        await enter(client, DOCTOR, **entry)
    assert code_of(await present(client, pki.card(person), organisation_id=HOSPITAL)) == (403, code)


def wrong_cards(pki: Pki) -> dict[str, Issued]:
    return {
        "expired": pki.card(DOCTOR.id, starts=-2 * YEAR, ends=-YEAR),
        "not yet valid": pki.card(DOCTOR.id, starts=YEAR, ends=2 * YEAR),
        "of another authority": new_pki().card(DOCTOR.id),
        "of an organisation that calls itself a doctor": pki.organisation(HOSPITAL, DOCTOR.id),
        "for servers": pki.card(DOCTOR.id, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        "that may not sign": pki.card(DOCTOR.id, signs=False),
        "that is an authority": pki.card(DOCTOR.id, ca=True),
        "of nobody": pki.card("nobody at all"),
        "an issuer": pki.persons,
        "the root": pki.root,
    }


@pytest.mark.parametrize("which", sorted(wrong_cards(new_pki())))
async def test_a_certificate_that_is_no_card_of_ours_is_refused(
    client: httpx2.AsyncClient, pki: Pki, which: str
) -> None:
    assert code_of(await present(client, wrong_cards(pki)[which])) == (403, "certificate-untrusted")


async def test_a_revoked_card_is_refused_as_soon_as_the_list_says_so(
    client: httpx2.AsyncClient, pki: Pki, folder: Path
) -> None:
    card = pki.card(DOCTOR.id)
    await caller_of(await present(client, card))
    write_lists(folder, pki.lists([card]))
    assert code_of(await present(client, card)) == (403, "certificate-revoked")


@pytest.mark.parametrize("lists", [b"", b"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n", None])
async def test_without_a_list_in_date_nobody_comes_in(
    client: httpx2.AsyncClient, pki: Pki, folder: Path, lists: bytes | None
) -> None:
    write_lists(folder, pki.lists(age=timedelta(days=8)) if lists is None else lists)
    assert code_of(await present(client, pki.card(DOCTOR.id))) == (503, "revocation-unknown")


async def test_a_list_signed_by_somebody_else_does_not_count(
    client: httpx2.AsyncClient, pki: Pki, folder: Path
) -> None:
    write_lists(folder, new_pki().lists())
    assert code_of(await present(client, pki.card(DOCTOR.id))) == (503, "revocation-unknown")


async def test_a_certificate_counts_only_as_the_entrance_passed_it_on(client: httpx2.AsyncClient, pki: Pki) -> None:
    card, now, request = pki.card(DOCTOR.id), clock.now(), SignedRequest("POST", CARD, b"{}")
    good = sign_certificate(EDGE_KEYS, card.der, request, now)
    other_card = sign_certificate(EDGE_KEYS, pki.card(STRANGER.id).der, request, now)
    wrong = [
        {"client-cert": good["client-cert"]},
        {**good, "client-cert-signature": "x"},
        {**good, "client-cert-signature": "9" * 5000},
        {**good, "client-cert": other_card["client-cert"]},
        sign_certificate(Keyring.parse(OTHER_KEYRING), card.der, request, now),
        sign_certificate(EDGE_KEYS, card.der, replace(request, target="/oauth/token"), now),
        sign_certificate(EDGE_KEYS, card.der, replace(request, method="GET"), now),
        sign_certificate(EDGE_KEYS, card.der, replace(request, body=b'{"mode": "normal"}'), now),
        sign_certificate(EDGE_KEYS, card.der, request, now - timedelta(minutes=1)),
        sign_certificate(EDGE_KEYS, card.der, request, now + timedelta(minutes=1)),
    ]
    for headers in wrong:
        assert code_of(await client.post(CARD, json={}, headers=headers)) == (403, "entrance-unknown"), headers
    assert code_of(await client.post(CARD, json={})) == (403, "certificate-needed")
    twice = [*good.items(), ("client-cert", other_card["client-cert"])]
    assert code_of(await client.post(CARD, json={}, headers=twice)) == (403, "entrance-unknown")
    assert (await client.post(CARD, json={}, headers=good)).status_code == 200


async def test_what_the_entrance_signed_serves_once(client: httpx2.AsyncClient, pki: Pki) -> None:
    once = passed_on(pki.card(DOCTOR.id), CARD, b"{}")
    assert (await client.post(CARD, json={}, headers=once)).status_code == 200
    assert code_of(await client.post(CARD, json={}, headers=once)) == (403, "entrance-unknown")

    certificate = pki.organisation(HOSPITAL)
    subject = certificate.certificate.subject.rfc4514_string()
    client_id = await registered(client, new_key(), certificate_subject=subject)
    form = {"grant_type": "client_credentials", "client_id": client_id}
    request = client.build_request("POST", "/oauth/token", data=form)
    headers = passed_on(certificate, "/oauth/token", request.content)
    assert (await client.post("/oauth/token", data=form, headers=headers)).status_code == 200
    assert code_of(await client.post("/oauth/token", data=form, headers=headers)) == (403, "entrance-unknown")


async def test_without_an_entrance_no_certificate_is_believed(database: Database, pki: Pki) -> None:
    async with running(doors(database)) as client:
        assert code_of(await present(client, pki.card(DOCTOR.id))) == (403, "entrance-unknown")


async def test_software_proves_itself_with_the_certificate_of_its_structure(
    client: httpx2.AsyncClient, pki: Pki
) -> None:
    certificate = pki.organisation(HOSPITAL)
    subject = certificate.certificate.subject.rfc4514_string()
    client_id = await registered(client, new_key(), keys=[], certificate_subject=subject)
    caller = await caller_of(await by_certificate(client, client_id, certificate, scope="documents.deposit"))
    assert (caller.kind, caller.id, caller.organisation_id) == ("software", client_id, HOSPITAL)
    renewed = pki.organisation(HOSPITAL)
    await caller_of(await by_certificate(client, client_id, renewed))


async def test_the_certificate_of_another_structure_or_kind_is_not_its_own(
    client: httpx2.AsyncClient, pki: Pki
) -> None:
    subject = pki.organisation(HOSPITAL).certificate.subject.rfc4514_string()
    bound = await registered(client, new_key(), certificate_subject=subject)
    unbound = await registered(client, new_key())
    refused = [
        await by_certificate(client, bound, pki.organisation(CLINIC)),
        await by_certificate(client, bound, pki.organisation(HOSPITAL, "another.hopital.example")),
        await by_certificate(client, unbound, pki.organisation(HOSPITAL)),
        await by_certificate(client, "nobody", pki.organisation(HOSPITAL)),
    ]
    assert [code_of(answer) for answer in refused] == [(401, "assertion-invalid")] * 4
    card = await by_certificate(client, bound, pki.card(DOCTOR.id))
    assert code_of(card) == (403, "certificate-untrusted")


@pytest.mark.parametrize("subject", ["CN=x", f"CN=x,OU={CLINIC}", "nonsense", f"OU={HOSPITAL},OU={CLINIC}", "OU=x"])
async def test_a_subject_that_does_not_name_the_structure_cannot_be_registered(
    client: httpx2.AsyncClient, subject: str
) -> None:
    body = {"name": "DPI", "kind": "software", "scopes": ["documents.deposit"], "keys": []}
    response = await client.post(
        "/clients", json={**body, "organisation_id": HOSPITAL, "certificate_subject": subject}, headers=administrator()
    )
    assert code_of(response) == (422, "certificate-subject-invalid")


def trusting(folder: Path, leaf: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / "roots.pem")
    context.load_verify_locations(folder / "organisations.pem")
    if leaf is not None:
        context.load_cert_chain(folder / f"{leaf}.pem")
    return context


@pytest_asyncio.fixture
async def entrance(database: Database, pki: Pki, folder: Path) -> AsyncIterator[str]:
    """Identity on a port of its own behind the TLS entrance."""
    app = make_api(doors(database, pki=folder))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    serving = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await eventually(listens)
    upstream = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx2.AsyncClient(base_url=upstream) as direct:
        await enter_all(direct)
    edge = await start(Edge(upstream, EDGE_KEYS), 0, folder)
    yield f"https://127.0.0.1:{edge.sockets[0].getsockname()[1]}"
    edge.close()
    server.should_exit = True
    await serving


async def test_through_the_entrance_a_card_signs_in_and_the_rest_does_not(entrance: str, folder: Path) -> None:
    async with httpx2.AsyncClient(verify=trusting(folder, "card")) as client:
        assert (await caller_of(await client.post(entrance + CARD, json={}))).id == DOCTOR.id
    async with httpx2.AsyncClient(verify=trusting(folder, None)) as client:
        assert code_of(await client.post(entrance + CARD, json={})) == (403, "certificate-needed")
        alive = await client.get(entrance + "/livez")
        assert alive.json() == {"status": "alive"}
        head = await client.head(entrance + "/livez")
        assert (head.content, head.headers["content-length"]) == (b"", alive.headers["content-length"])
    async with httpx2.AsyncClient(verify=trusting(folder, "revoked")) as client:
        assert code_of(await client.post(entrance + CARD, json={})) == (403, "certificate-revoked")
    async with httpx2.AsyncClient(verify=trusting(folder, "expired")) as client:
        with pytest.raises((httpx2.HTTPError, ssl.SSLError)):
            await client.post(entrance + CARD, json={})


async def test_what_a_client_says_of_its_certificate_does_not_get_through(
    entrance: str, folder: Path, pki: Pki
) -> None:
    forged = passed_on(pki.card(DOCTOR.id), CARD, b"{}")
    async with httpx2.AsyncClient(verify=trusting(folder, None)) as client:
        answer = await client.post(entrance + CARD, json={}, headers={**forged, "Forwarded": "for=127.0.0.1"})
        assert code_of(answer) == (403, "certificate-needed")
        underscored = {name.replace("-", "_"): value for name, value in forged.items()}
        assert code_of(await client.post(entrance + CARD, json={}, headers=underscored)) == (403, "certificate-needed")


async def test_the_entrance_takes_no_second_request_hidden_in_the_first(entrance: str, folder: Path) -> None:
    host, _, port = entrance.removeprefix("https://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trusting(folder, None))
    writer.write(
        b"POST /professionals/card HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    assert answer.count(b"HTTP/1.1") == 1
    assert b"alive" not in answer


async def ask_raw(entrance: str, folder: Path, request: bytes) -> bytes:
    host, _, port = entrance.removeprefix("https://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trusting(folder, None))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


BAD_HEADS = {
    "a user before a host": (b"GET @127.0.0.1:%d/x HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "an absolute form": (b"GET http://127.0.0.1:%d/x HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "an authority": (b"GET 127.0.0.1:%d HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "digits that would lengthen the port": (b"GET %d/x HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "a tunnel": (b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "no host": (b"GET /livez HTTP/1.1\r\n\r\n", 400),
    "no host in the older version": (b"GET /livez HTTP/1.0\r\n\r\n", 400),
    "two hosts": (b"GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
    "a host with quotes": (b'GET /livez HTTP/1.1\r\nhost: x";by=y\r\n\r\n', 400),
    "a length and chunks": (
        b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "metrics": (b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "metrics in other letters": (b"GET /%%6Detrics?x HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "the demonstration": (b"POST /demo/sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", 404),
    "a long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
    "many fields": (b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 101 + b"\r\n", 431),
    "a large head": (b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000, 431),
    "a large body in chunks": (
        b"POST /sign-in HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b"a" * 0x8000
        + b"\r\n"
        b"8001\r\n" + b"a" * 0x8001 + b"\r\n0\r\n\r\n",
        413,
    ),
}


@pytest.mark.parametrize("which", sorted(BAD_HEADS))
async def test_the_entrance_reaches_its_upstream_and_nothing_else(entrance: str, folder: Path, which: str) -> None:
    reached: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readline())
        writer.close()

    elsewhere = await asyncio.start_server(note, "127.0.0.1", 0)
    head, status = BAD_HEADS[which]
    port = elsewhere.sockets[0].getsockname()[1]
    answer = await ask_raw(entrance, folder, head % port if b"%d" in head else head.replace(b"%%", b"%"))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    elsewhere.close()
    assert reached == []


async def test_who_comes_through_the_entrance_is_told_apart_from_this_machine(
    database: Database, pki: Pki, folder: Path
) -> None:
    """The demonstration's sign-in is closed there, and refused behind it: `Forwarded` says where a request is from."""
    seen: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    upstream = await asyncio.start_server(note, "127.0.0.1", 0)
    edge = await start(Edge(f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}", EDGE_KEYS), 0, folder)
    entrance = f"https://127.0.0.1:{edge.sockets[0].getsockname()[1]}"
    forged = b"forwarded: for=203.0.113.9\r\nx-forwarded-for: 203.0.113.9\r\n"
    await ask_raw(entrance, folder, b"GET /a/../b%2F?c HTTP/1.1\r\nhost: dmp.hospital.example\r\n" + forged + b"\r\n")
    edge.close()
    upstream.close()
    lines = seen[0].lower().splitlines()
    assert lines[0] == b"get /a/../b%2f?c http/1.1"
    assert b"host: dmp.hospital.example" in lines
    assert b'forwarded: for=127.0.0.1;host="dmp.hospital.example";proto=https' in lines
    assert b"x-forwarded-for: 127.0.0.1" in lines
    assert b"203.0.113.9" not in seen[0]
