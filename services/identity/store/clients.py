"""Registered software and the assertions it has used."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from joserfc.jwk import KeySet

from services.identity.domain.clients import Client, NewClient
from shared.db.pool import Connection

INSERT_CLIENT = """
insert into clients (id, name, kind, scopes, jwks, organisation_id) values ($1, $2, $3, $4, $5::jsonb, $6)
on conflict on constraint clients_name_key do nothing returning id"""


async def insert_client(connection: Connection, client_id: str, client: NewClient) -> bool:
    """Whether the name was free."""
    row = [client_id, client.name, client.kind, sorted(client.scopes), _json(client.jwks), client.organisation_id]
    return await connection.fetchval(INSERT_CLIENT, *row) is not None


LOCK_CLIENT_NAMED = """
select id, name, kind, scopes, jwks, organisation_id from clients where name = $1 for update"""


async def lock_client_named(connection: Connection, name: str) -> tuple[str, NewClient]:
    """The client that has the name, as it was registered."""
    row = await connection.fetchrow(LOCK_CLIENT_NAMED, name)
    assert row is not None, "clients are never deleted"
    jwks = tuple(orjson.loads(row["jwks"]))
    return row["id"], NewClient(row["name"], row["kind"], frozenset(row["scopes"]), jwks, row["organisation_id"])


UPDATE_CLIENT = """
update clients set kind = $2, scopes = $3, jwks = $4::jsonb, organisation_id = $5, status = 'active' where id = $1"""


async def update_client(connection: Connection, client_id: str, client: NewClient) -> None:
    """Other rights and keys under the same id and name."""
    scopes = sorted(client.scopes)
    await connection.execute(UPDATE_CLIENT, client_id, client.kind, scopes, _json(client.jwks), client.organisation_id)


SELECT_CLIENT = """
select id, kind, scopes, jwks, organisation_id from clients where id = $1 and status = 'active'"""


async def load_client(connection: Connection, client_id: str) -> Client | None:
    """A client that may ask for tokens."""
    row = await connection.fetchrow(SELECT_CLIENT, client_id)
    if row is None:
        return None
    keys = KeySet.import_key_set({"keys": orjson.loads(row["jwks"])})
    return Client(row["id"], row["kind"], frozenset(row["scopes"]), keys, row["organisation_id"])


USE_ASSERTION = """
insert into used_assertions (client_id, digest, expires_at) values ($1, $2, $3)
on conflict on constraint used_assertions_pkey do nothing returning client_id"""


async def use_assertion(connection: Connection, client_id: str, digest: bytes, expires_at: datetime) -> bool:
    """Whether this is its first use."""
    return await connection.fetchval(USE_ASSERTION, client_id, digest, expires_at) is not None


SWEEP_ASSERTIONS = """
delete from used_assertions where (client_id, digest) in (
  select client_id, digest from used_assertions where expires_at < $1 order by expires_at limit 1000)"""


async def sweep_assertions(connection: Connection, now: datetime) -> None:
    """Forgets what can no longer be used anyway."""
    await connection.execute(SWEEP_ASSERTIONS, now)


def _json(jwks: Sequence[Mapping[str, str]]) -> str:
    return orjson.dumps(list(jwks)).decode()
