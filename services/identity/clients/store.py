"""Stores registered software clients, and the assertions that were used."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from services.identity.clients.domain.clients import KEY_TYPES, Client, NewClient
from shared.db.pool import Connection
from shared.http.jwks import stored_keys

INSERT_CLIENT = """
insert into clients (id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id)
values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
on conflict on constraint clients_name_key do nothing returning id"""


async def insert_client(connection: Connection, client_id: str, client: NewClient) -> bool:
    """Inserts a client. Returns False when its name is taken."""
    return await connection.fetchval(INSERT_CLIENT, client_id, client.name, *_row(client)) is not None


LOCK_CLIENT_NAMED = """
select id, name, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id
from clients where name = $1 for update"""


async def lock_client_named(connection: Connection, name: str) -> tuple[str, NewClient]:
    """Returns id and registration of the client with that name, locked until the transaction ends."""
    row = await connection.fetchrow(LOCK_CLIENT_NAMED, name)
    assert row is not None, "clients are never deleted"
    jwks = tuple(orjson.loads(row["jwks"]))
    bindings = (row["organisation_id"], row["certificate_subject"], row["psc_client_id"])
    return row["id"], NewClient(row["name"], row["kind"], frozenset(row["scopes"]), jwks, *bindings)


UPDATE_CLIENT = """
update clients set kind = $2, scopes = $3, jwks = $4::jsonb, organisation_id = $5, certificate_subject = $6,
  psc_client_id = $7, status = 'active' where id = $1"""


async def update_client(connection: Connection, client_id: str, client: NewClient) -> None:
    """Replaces scopes, keys and bindings of a client; id and name stay."""
    await connection.execute(UPDATE_CLIENT, client_id, *_row(client))


SELECT_CLIENT = """
select id, kind, scopes, jwks, organisation_id, certificate_subject, psc_client_id
from clients where id = $1 and status = 'active' and (
  organisation_id is null
  or exists (select from structures where structures.id = clients.organisation_id and structures.status = 'active'))"""


async def load_client(connection: Connection, client_id: str) -> Client | None:
    """Returns a client that may request tokens, or None. It and its structure must be active."""
    row = await connection.fetchrow(SELECT_CLIENT, client_id)
    if row is None:
        return None
    keys = stored_keys(orjson.loads(row["jwks"]), KEY_TYPES)
    bindings = (row["organisation_id"], row["certificate_subject"], row["psc_client_id"])
    return Client(row["id"], row["kind"], frozenset(row["scopes"]), keys, *bindings)


USE_ASSERTION = """
insert into used_assertions (client_id, digest, expires_at) values ($1, $2, $3)
on conflict on constraint used_assertions_pkey do nothing returning client_id"""


async def use_assertion(connection: Connection, client_id: str, digest: bytes, expires_at: datetime) -> bool:
    """Stores an assertion as used. Returns False when it was used before."""
    return await connection.fetchval(USE_ASSERTION, client_id, digest, expires_at) is not None


SWEEP_ASSERTIONS = """
delete from used_assertions where (client_id, digest) in (
  select client_id, digest from used_assertions where expires_at < $1 order by expires_at limit $2)"""


def _row(client: NewClient) -> tuple[str | list[str] | None, ...]:
    bindings = (client.organisation_id, client.certificate_subject, client.psc_client_id)
    return client.kind, sorted(client.scopes), _json(client.jwks), *bindings


def _json(jwks: Sequence[Mapping[str, str]]) -> str:
    return orjson.dumps(list(jwks)).decode()
