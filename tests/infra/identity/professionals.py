"""The sign-in of professionals: a provider that listens on a port, a PKI for tests, and what a sign-in needs."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import uvicorn
from joserfc import jwt
from joserfc.jwk import Key

from deploy.local.platform.pki import Issued
from deploy.local.platform.psc import Client, Person, Provider, make_provider, new_key
from services.identity.clients.domain.edge import SignedRequest, sign_certificate
from shared.crypto.keyring import Keyring
from shared.http.tokens import Caller, TokenVerifier
from shared.runtime import clock
from tests.infra.http.tokens import ISSUER, SETTINGS, TestKeys
from tests.infra.identity.identity_api import KEYRING, TEST_OID, administrator, nir, public, settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually

HOSPITAL, CLINIC, SAMU = "1750000001", "1750000002", "1750000015"
DOCTOR = Person("899700000001", "Camille INVENTÉE", "10", "SM26", (HOSPITAL[1:],))
NURSE = Person("899700000002", "Noé INVENTÉ", "60", "", (HOSPITAL[1:],))
REGULATOR = Person("899700000003", "Zoé INVENTÉE", "10", "SM26", (SAMU[1:],))
SOCIAL = Person("899700000004", "Léo INVENTÉ", "44", "", (HOSPITAL[1:],))
OCCUPATIONAL = Person("899700000005", "Ida INVENTÉE", "10", "SM25", (HOSPITAL[1:],))
STRANGER = Person("899700000009", "Nul INVENTÉ", "10", "SM26", (HOSPITAL[1:],))
PEOPLE = (DOCTOR, NURSE, REGULATOR, SOCIAL, OCCUPATIONAL, STRANGER)
PROFESSIONS = {
    DOCTOR.id: "G15_10",
    NURSE.id: "G15_60",
    REGULATOR.id: "G15_10",
    SOCIAL.id: "R94_44",
    OCCUPATIONAL.id: "G15_10",
}
REDIRECT = "http://127.0.0.1:8401/professionals/callback"
PAGES_REDIRECT = "https://dmp.localhost/session/pro-sante-connect"
OURS = Client("dmp", "a-secret-of-the-tests", REDIRECT, PAGES_REDIRECT)
SOFTWARE_CLIENT = "dpi-hopital"
KEY = new_key()
MOTIVES = Keyring.parse(KEYRING)
EDGE_KEYS = Keyring.parse(KEYRING)
MOTIVE = "Patient inconscient amené par le SMUR"
PATIENT = f"urn:oid:{TEST_OID}|{nir()}"
URGENT = {"mode": "bris_de_glace", "motive": MOTIVE, "patient": PATIENT}
"""The parameters of a sign-in in an emergency."""
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


@asynccontextmanager
async def providing() -> AsyncIterator[Provider]:
    """Yields a provider on a free port of the loopback."""
    provider = Provider("", PEOPLE, [OURS, Client(SOFTWARE_CLIENT, "x", "http://127.0.0.1/software")], KEY)
    config = uvicorn.Config(make_provider(provider), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await eventually(listens)
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.issuer = f"http://127.0.0.1:{port}"
    yield provider
    server.should_exit = True
    await serving


def doors(database: Database, provider: Provider | None = None, pki: Path | None = None, **more: Any) -> Any:
    """Returns settings with these ways to sign in."""
    section: dict[str, Any] = {"motives": KEYRING, "centres_15": [SAMU], **more}
    if provider is not None:
        section |= {
            "psc_issuer": provider.issuer,
            "psc_client_id": OURS.id,
            "psc_secret": OURS.secret,
            "psc_redirect_uri": REDIRECT,
            "psc_pages_uri": PAGES_REDIRECT,
        }
    if pki is not None:
        files = ("roots", "persons", "organisations", "revocations")
        section |= {"edge_keys": KEYRING, **{f"card_{name}": pki / f"{name}.pem" for name in files}}
    return settings_of(database, professionals=section)


async def enter_all(client: httpx2.AsyncClient) -> None:
    """Enters the structures and professionals of the tests in the directory, except the stranger."""
    for structure in (HOSPITAL, CLINIC, SAMU):
        put = await client.put(f"/structures/{structure}", json={"name": "Hôpital"}, headers=administrator())
        assert put.status_code == 200, put.text
    for person in PEOPLE:
        if person.id in PROFESSIONS:
            await enter(client, person)


async def enter(client: httpx2.AsyncClient, person: Person, **changes: Any) -> None:
    """Enters one professional in the directory."""
    entry = {
        "name": person.name,
        "profession": PROFESSIONS[person.id],
        "structure_ids": [f"1{number}" for number in person.finess],
        "specialties": [person.specialty] if person.specialty else [],
        **changes,
    }
    response = await client.put(f"/professionals/{person.id}", json=entry, headers=administrator())
    assert response.status_code == 200, response.text


async def begun(client: httpx2.AsyncClient, **query: str) -> str:
    """Begins a sign-in and returns the URL of the redirection; the client keeps the cookie."""
    response = await client.get("/professionals/sign-in", params=query)
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def chosen(url: str, person: Person) -> dict[str, str]:
    """Returns the parameters that the provider sends back when this person is chosen."""
    async with httpx2.AsyncClient() as browser:
        response = await browser.get(f"{url}&person={person.id}")
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(f"{REDIRECT}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def sign_in(client: httpx2.AsyncClient, person: Person, **query: str) -> httpx2.Response:
    """Signs in through the provider and returns the last answer."""
    back = await chosen(await begun(client, **query), person)
    return await client.get("/professionals/callback", params=back)


async def caller_of(response: httpx2.Response) -> Caller:
    """Returns the caller of the token in the answer."""
    assert response.status_code == 200, response.text
    return await TokenVerifier(SETTINGS, TestKeys()).verify(response.json()["access_token"])


async def registered(client: httpx2.AsyncClient, key: Key, **changes: Any) -> str:
    """Registers software of the hospital with all profiles; returns its client id."""
    body = {
        "name": f"DPI {uuid4().hex[:8]}",
        "kind": "software",
        "scopes": ["documents.deposit", "documents.read"],
        "keys": [public(key)],
        "organisation_id": HOSPITAL,
        "psc_client_id": SOFTWARE_CLIENT,
        **changes,
    }
    response = await client.post("/clients", json=body, headers=administrator())
    assert response.status_code == 201, response.text
    return str(response.json()["client_id"])


def passed_on(issued: Issued, target: str, body: bytes) -> dict[str, str]:
    """Returns the headers that the TLS entrance adds for this certificate and a POST of this body."""
    return sign_certificate(EDGE_KEYS, issued.der, SignedRequest("POST", target, body), clock.now())


async def post_with(client: httpx2.AsyncClient, issued: Issued, target: str, **content: Any) -> httpx2.Response:
    """Sends a POST as the TLS entrance passes it on for a client with this certificate."""
    request = client.build_request("POST", target, **content)
    request.headers.update(passed_on(issued, target, request.content))
    return await client.send(request)


def presence_proof(client_id: str, key: Key, session: Caller, *, typ: str = "presence-proof+jwt", **claims: Any) -> str:
    """Returns a proof of presence as the reading software makes it; claims that are None are left out."""
    now = int(time.time())
    payload = {
        "iss": client_id,
        "aud": ISSUER,
        "sub": session.id,
        "sid": str(session.session_id),
        "jti": str(uuid4()),
        "iat": now,
        "exp": now + 60,
        "card": hashlib.sha256(b"0000000001").hexdigest(),
        "means": "vitale-card",
        **claims,
    }
    header = {"alg": "ES256", "typ": typ, "kid": key.kid}
    return jwt.encode(header, {name: value for name, value in payload.items() if value is not None}, key, ["ES256"])
