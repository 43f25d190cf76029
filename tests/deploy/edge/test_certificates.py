"""The edge: who shows a certificate to whom, who signs it, and what a client's word about it is worth."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509

from deploy.local.platform.pki import make_pki
from services.identity.app import make_api
from shared.runtime.settings import HttpSettings
from shared.service.serving import http_config
from tests.infra.edge.running_edge import RunningEdge, running_edge
from tests.infra.http.servers import listening
from tests.infra.identity.identity_api import new_key
from tests.infra.identity.professionals import (
    DOCTOR,
    HOSPITAL,
    STRANGER,
    caller_of,
    doors,
    enter_all,
    passed_on,
    registered,
)
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
CARD, TOKEN = "/professionals/card", "/oauth/token"
REFUSED = (httpx2.HTTPError, ssl.SSLError)


@asynccontextmanager
async def identity_behind_the_edge(database: Database, folder: Path) -> AsyncIterator[RunningEdge]:
    """Runs identity's API over TLS, as its process does, behind the edge."""
    authority = Authority(folder, "service-authority")
    files = authority.issue("identity")
    http = HttpSettings(trusted_proxies="127.0.0.1", certificate_file=files.certificate, key_file=files.key)
    pki = make_pki(folder / "pki", DOCTOR.id, HOSPITAL)
    app = make_api(doors(database, pki=folder / "pki"))
    async with listening(http_config(app, http)) as port:
        direct = ssl.create_default_context(cafile=authority.file)
        async with httpx2.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=direct) as client:
            await enter_all(client)
        services = {"identity": f"127.0.0.1:{port}"}
        async with running_edge(folder, services, pki=pki, service_authorities=authority.file) as edge:
            yield edge


@pytest.fixture
async def edge(database: Database, tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with identity_behind_the_edge(database, tmp_path) as running:
        yield running


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_card_signs_in_and_a_revoked_one_does_not(edge: RunningEdge) -> None:
    async with edge.client("cards", leaf="card") as client:
        answer = await client.post(CARD, json={})
        assert (await caller_of(answer)).id == DOCTOR.id
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    async with edge.client("cards", leaf="revoked") as client:
        assert code_of(await client.post(CARD, json={})) == (403, "certificate-revoked")


async def test_software_proves_itself_with_the_certificate_of_its_organisation(
    edge: RunningEdge, database: Database
) -> None:
    certificate = x509.load_pem_x509_certificate((edge.folder / "pki" / "organisation.pem").read_bytes())
    subject = certificate.subject.rfc4514_string()
    async with edge.client("identity") as administrator:
        client_id = await registered(administrator, new_key(), keys=[], certificate_subject=subject)
    async with edge.client("cards", leaf="organisation") as client:
        form = {"grant_type": "client_credentials", "client_id": client_id}
        assert (await caller_of(await client.post(TOKEN, data=form))).id == client_id


@pytest.mark.parametrize("leaf", [None, "expired"])
async def test_without_a_valid_certificate_nobody_reaches_the_certificate_routes(
    edge: RunningEdge, leaf: str | None
) -> None:
    async with edge.client("cards", leaf=leaf) as client:
        with pytest.raises(REFUSED):
            await client.post(CARD, json={})


async def test_a_certificate_of_other_authorities_is_refused(edge: RunningEdge, tmp_path: Path) -> None:
    make_pki(edge.folder / "pki", DOCTOR.id, HOSPITAL)  # cards of an authority that only looks like ours
    async with edge.client("cards", leaf="card") as client:
        with pytest.raises(REFUSED):
            await client.post(CARD, json={})


async def test_what_a_client_says_of_a_certificate_is_not_believed(edge: RunningEdge) -> None:
    stranger = edge.pki.card(STRANGER.id)
    forged = passed_on(stranger, CARD, b"{}")
    envoys = {"x-forwarded-client-cert": f'Cert="{stranger.pem.decode()}"'.replace("\n", "%0A")}
    async with edge.client("identity") as client:
        for headers in (forged, envoys, {**forged, **envoys}):
            assert code_of(await client.post(CARD, json={}, headers=headers)) == (403, "certificate-needed")
        underscored = {name.replace("-", "_"): value for name, value in forged.items()}
        assert (await client.post(CARD, json={}, headers=underscored)).status_code == 400
    async with edge.client("cards", leaf="card") as client:
        answer = await client.post(CARD, json={}, headers={**forged, **envoys})
        assert (await caller_of(answer)).id == DOCTOR.id


async def test_the_listener_of_cards_leads_to_the_certificate_routes_alone(edge: RunningEdge) -> None:
    async with edge.client("cards", leaf="card") as client:
        for path in ("/livez", "/sign-in", "/professionals/card/more", "/demo/sign-in", "/oauth/token/"):
            assert code_of(await client.post(path, json={})) == (404, "edge-refused")
        assert code_of(await client.post(CARD, json={}, headers={"host": "identity.dmp.example"})) == (
            421,
            "edge-refused",
        )


async def test_without_the_signer_no_certificate_is_passed_on(edge: RunningEdge) -> None:
    edge.signer.terminate()
    await edge.signer.wait()
    async with edge.client("cards", leaf="card") as client:
        answer = await client.post(CARD, json={})
        assert code_of(answer) == (503, "edge-refused")
        assert answer.headers["retry-after"] == "1"
    async with edge.client("identity") as client:
        assert (await client.get("/livez")).status_code == 200


async def test_renewed_certificates_and_rotated_authorities_count_without_a_restart(edge: RunningEdge) -> None:
    renewed = Authority(edge.folder, "renewed-authority")
    edge.show(renewed)

    async def is_shown() -> bool:
        try:
            async with edge.client("identity") as client:
                return (await client.get("/livez")).status_code == 200
        except REFUSED:
            return False

    edge.authority = renewed
    assert await eventually(is_shown)
    make_pki(edge.folder / "pki", DOCTOR.id, HOSPITAL)
    authorities = edge.folder / "new-authorities.pem"
    authorities.write_bytes(
        b"".join((edge.folder / "pki" / f"{name}.pem").read_bytes() for name in ("roots", "persons"))
    )
    authorities.replace(edge.settings.card_authorities)

    async def is_asked_for() -> bool:
        try:
            async with edge.client("cards", leaf="card") as client:
                return (await client.post(CARD, json={})).status_code in (200, 403)
        except REFUSED:
            return False

    assert await eventually(is_asked_for)


async def test_an_api_that_is_not_proven_is_not_spoken_to(database: Database, tmp_path: Path) -> None:
    files, another = Authority(tmp_path, "one").issue("identity"), Authority(tmp_path, "another")
    http = HttpSettings(certificate_file=files.certificate, key_file=files.key)
    async with listening(http_config(make_api(doors(database)), http)) as port:
        services = {"identity": f"127.0.0.1:{port}"}
        async with (
            running_edge(tmp_path, services, service_authorities=another.file) as edge,
            edge.client("identity") as client,
        ):
            assert code_of(await client.get("/livez")) == (503, "edge-refused")
