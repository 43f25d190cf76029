"""Identity's real API on a real database, with test keys, and invented people to open records for."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey

from services.identity.app import make_api
from services.identity.settings import Settings
from shared.contracts.base import Event
from shared.runtime.settings import KafkaSettings
from shared.values import ins_key
from tests.infra.http.routes import known_routes
from tests.infra.http.tokens import ISSUER, KEY, SETTINGS, bearer, make_token
from tests.infra.messaging.messages import event_in
from tests.infra.platform.databases import Database

KEYRING = "test:" + "A" * 43
OTHER_KEYRING = "next:" + "B" * 42 + "A"
SIGNING = json.dumps([KEY.as_dict(private=True)])
RECEIPT_KEY = OKPKey.generate_key("Ed25519", {"kid": "receipts"}, private=True)
RECEIPTS = json.dumps([RECEIPT_KEY.as_dict(private=True)])
TEST_OID, NIR_OID, DEMO_OID = "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.11"
TOKEN_ENDPOINT = f"{ISSUER}/oauth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CHEAP = {"password_memory_kib": 8, "password_passes": 1, "password_lanes": 1}
"""argon2id parameters below the allowed minimum, because the tests check thousands of passwords."""
SELECT_OUTBOX = "select topic, key, event_type, payload, traceparent from outbox order by id"


def settings_of(database: Database, **changes: Any) -> Settings:
    """Returns settings like those from the environment."""
    rings = {"ins_hmac": KEYRING, "contacts": KEYRING, "people_to_call": KEYRING, "persons": KEYRING}
    keys = {**rings, "signing": SIGNING, "receipts": RECEIPTS, **changes.pop("keys", {})}
    values: dict[str, Any] = {
        "postgres": {"dsn": database.dsn},
        "kafka": KafkaSettings(bootstrap="127.0.0.1:1"),
        "tokens": SETTINGS,
        "keys": keys,
        "demo": {"sign_in": True, "test_nir_keys": True},
        **changes,
    }
    settings = Settings.model_validate(values)
    accounts = settings.accounts.model_copy(update=CHEAP if "password_passes" not in values.get("accounts", {}) else {})
    return settings.model_copy(update={"accounts": accounts})


@asynccontextmanager
async def running(
    settings: Settings, *, peer: str = "127.0.0.1", base_url: str = "http://127.0.0.1:8401"
) -> AsyncIterator[httpx2.AsyncClient]:
    """Runs the API and yields a client of it."""
    app = known_routes(make_api(settings))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=(peer, 50000))
        async with httpx2.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client


def administrator(scope: str = "records.open records.erase directory.write clients.write operations") -> dict[str, str]:
    """Returns the headers of the administrative client."""
    return bearer(make_token("administrator", "admin-1", scope=scope))


def nir(number: int = 1) -> str:
    """Returns a number, with its key, that no person has: born in month 99, department 99."""
    first = f"25599999{number:05d}"
    return first + ins_key(first)


def opening(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns the body of an opening for an invented person."""
    return {
        "ins": {"value": nir(number), "oid": TEST_OID},
        "traits": {
            "birth_name": "D'INVENTÉE-EXEMPLE",
            "given_name": "Zoé",
            "birth_date": "1955-06-12",
            "sex": "female",
            "birth_place": "63220",
        },
        "contact": {"mail": "zoe.inventee@patient.example", "language": "fr", "relation": "holder"},
        **changes,
    }


async def announced(database: Database) -> list[Event]:
    """Returns the events in the outbox, in order."""
    rows = await query(database, SELECT_OUTBOX)
    events = [event_in(row) for row in rows]
    assert [event.key.encode() for event in events] == [row["key"] for row in rows]
    return events


async def query(database: Database, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Returns the rows of a query, run as the owner."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


def new_key() -> ECKey:
    """Returns a new private key of a client."""
    return ECKey.generate_key("P-256", {"kid": uuid4().hex}, private=True)


def public(key: Key) -> dict[str, Any]:
    """Returns the public half of a key, which is registered."""
    return dict(key.as_dict(private=False))


def assertion(client_id: str, key: Key, *, alg: str = "ES256", **claims: Any) -> str:
    """Returns a client's assertion; claims that are None are left out."""
    now = int(time.time())
    payload = {
        "iss": client_id,
        "sub": client_id,
        "aud": TOKEN_ENDPOINT,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid4()),
        **claims,
    }
    header: dict[str, Any] = {"alg": alg, **({"kid": key.kid} if key.kid else {})}
    return jwt.encode(header, {name: value for name, value in payload.items() if value is not None}, key, [alg])


def token_request(proof: str, **changes: str) -> dict[str, str]:
    """Returns the form of a token request."""
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": proof,
        **changes,
    }


async def open_one(client: httpx2.AsyncClient, number: int = 1) -> UUID:
    """Opens a record for an invented person and returns its id."""
    response = await client.post("/records", json=opening(number), headers=administrator())
    assert response.status_code in (200, 201, 202), response.text
    return UUID(response.json()["record_id"])
