"""Stores registered software clients, and the assertions that were used."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import orjson

from services.identity.clients.domain.clients import (
    KEY_TYPES,
    Client,
    ClientNameTakenError,
    ClientStatus,
    NewClient,
)
from services.identity.clients.domain.registrations import Registration
from shared.crypto.jwk_sets import stored_keys
from shared.db.pool import Connection

INSERT_CLIENT = """
insert into clients (id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id)
values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
on conflict on constraint clients_name_key do nothing returning id"""


async def insert_client(connection: Connection, client_id: str, client: NewClient) -> bool:
    """Inserts a client. Returns False when its name is taken."""
    return await connection.fetchval(INSERT_CLIENT, client_id, client.name, *_row(client)) is not None


LOCK_CLIENT_NAMED = """
select id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id, status, created_at
from clients where name = $1 for update"""
LOCK_CLIENT = """
select id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id, status, created_at
from clients where id = $1 for update"""
SELECT_REGISTRATION = """
select id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id, status, created_at
from clients where id = $1"""
SELECT_REGISTRATIONS = """
select id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id, status, created_at
from clients
where id > $1 and ($2::text is null or organisation_id = $2) and ($3::text is null or status = $3)
order by id limit $4"""


async def lock_client_named(connection: Connection, name: str) -> Registration:
    """Returns the registration of the client with that name, locked until the transaction ends."""
    row = await connection.fetchrow(LOCK_CLIENT_NAMED, name)
    assert row is not None, "clients are never deleted"
    return _registration(row)


async def lock_client(connection: Connection, client_id: str) -> Registration | None:
    """Returns the registration of a client, locked until the transaction ends, or None."""
    row = await connection.fetchrow(LOCK_CLIENT, client_id)
    return None if row is None else _registration(row)


async def load_registration(connection: Connection, client_id: str) -> Registration | None:
    """Returns the registration of a client, whatever its status, or None."""
    row = await connection.fetchrow(SELECT_REGISTRATION, client_id)
    return None if row is None else _registration(row)


async def list_registrations(
    connection: Connection, after: str, organisation_id: str | None, status: ClientStatus | None, limit: int
) -> list[Registration]:
    """Returns registrations in the order of their ids, which is that of registration; None selects all."""
    rows = await connection.fetch(SELECT_REGISTRATIONS, after, organisation_id, status, limit)
    return [_registration(row) for row in rows]


UPDATE_CLIENT = """
update clients set kind = $2, scopes = $3, jwks = $4::jsonb, organisation_id = $5, certificate_subject = $6,
  psc_client_id = $7, name = $8, status = $9 where id = $1"""


async def update_client(connection: Connection, registration: Registration) -> None:
    """Writes the whole registration of a client. Raises ClientNameTakenError."""
    client = registration.client
    try:
        await connection.execute(UPDATE_CLIENT, registration.id, *_row(client), client.name, registration.status)
    except asyncpg.UniqueViolationError as error:
        raise ClientNameTakenError from error


SELECT_CLIENT = """
select id, kind, status, scopes, jwks, organisation_id, certificate_subject, psc_client_id
from clients where id = $1 and (
  organisation_id is null
  or exists (select from structures where structures.id = clients.organisation_id and structures.status = 'active'))"""


async def load_client(connection: Connection, client_id: str) -> Client | None:
    """Returns a client whose proofs are accepted, or None. It and its structure must be active."""
    client = await load_client_of_any_status(connection, client_id)
    return client if client is not None and client.status == "active" else None


async def load_client_of_any_status(connection: Connection, client_id: str) -> Client | None:
    """Returns a client, also a disabled one, or None where its structure is not active."""
    row = await connection.fetchrow(SELECT_CLIENT, client_id)
    if row is None:
        return None
    keys = stored_keys(orjson.loads(row["jwks"]), KEY_TYPES)
    bindings = (row["organisation_id"], row["certificate_subject"], row["psc_client_id"])
    return Client(row["id"], row["kind"], row["status"], frozenset(row["scopes"]), keys, *bindings)


USE_ASSERTION = """
insert into used_assertions (client_id, digest, expires_at) values ($1, $2, $3)
on conflict on constraint used_assertions_pkey do nothing returning client_id"""


async def use_assertion(connection: Connection, client_id: str, digest: bytes, expires_at: datetime) -> bool:
    """Stores an assertion as used. Returns False when it was used before."""
    return await connection.fetchval(USE_ASSERTION, client_id, digest, expires_at) is not None


SWEEP_ASSERTIONS = """
delete from used_assertions where (client_id, digest) in (
  select client_id, digest from used_assertions where expires_at < $1 order by expires_at limit $2)"""


def _registration(row: asyncpg.Record) -> Registration:
    jwks = tuple(orjson.loads(row["jwks"]))
    bindings = (row["organisation_id"], row["certificate_subject"], row["psc_client_id"])
    client = NewClient(row["name"], row["kind"], frozenset(row["scopes"]), jwks, *bindings)
    return Registration(row["id"], client, row["status"], row["created_at"])


def _row(client: NewClient) -> tuple[str | list[str] | None, ...]:
    bindings = (client.organisation_id, client.certificate_subject, client.psc_client_id)
    return client.kind, sorted(client.scopes), _json(client.jwks), *bindings


def _json(jwks: Sequence[Mapping[str, str]]) -> str:
    return orjson.dumps(list(jwks)).decode()
