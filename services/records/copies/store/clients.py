"""The local copy of registered software (`identity.clients.v1`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from services.records.copies.domain.clients import ClientCopy
from shared.contracts.identity import ClientChanged, ClientListener
from shared.contracts.topics import IDENTITY_CLIENTS
from shared.db.pool import Connection

UPSERT_CLIENTS = """
insert into clients (client_id, version, organisation_id, active, scopes, certificates, applications, client_class,
                     listener)
select id, version, organisation_id, active, string_to_array(scopes, E'\\n'), string_to_array(certificates, E'\\n'),
       string_to_array(applications, E'\\n'), client_class, listener::jsonb
from unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[])
  as given(id, version, organisation_id, active, scopes, certificates, applications, client_class, listener)
order by id
on conflict on constraint clients_pkey do update
set version = excluded.version, organisation_id = excluded.organisation_id, active = excluded.active,
    scopes = excluded.scopes, certificates = excluded.certificates, applications = excluded.applications,
    client_class = excluded.client_class, listener = excluded.listener
where excluded.version > clients.version
returning client_id"""


async def upsert_clients(connection: Connection, events: Sequence[ClientChanged]) -> set[str]:
    """Applies newer versions, at most one event for each client. Returns the ids of changed clients."""
    rows = await connection.fetch(
        UPSERT_CLIENTS,
        [event.client_id for event in events],
        [event.version for event in events],
        [event.organisation_id for event in events],
        [event.status == "active" for event in events],
        ["\n".join(event.scopes) for event in events],
        ["\n".join(event.certificates) for event in events],
        ["\n".join(event.applications) for event in events],
        [event.client_class for event in events],
        [None if event.listener is None else event.listener.model_dump_json() for event in events],
    )
    return {row["client_id"] for row in rows}


COLUMNS = "c.client_id, c.organisation_id, c.active, c.scopes, c.applications, c.client_class, c.listener"
COPY = "(select min(at) as copied_at from copy_watermarks where topic = $2) as mark left join clients c"
FIND_BY_CERTIFICATE = f"""
select mark.copied_at, {COLUMNS} from {COPY} on c.certificates @> array[$1::text]"""  # noqa: S608  # a constant
FIND_BY_APPLICATION = f"""
select mark.copied_at, {COLUMNS} from {COPY} on c.applications @> array[$1::text]"""  # noqa: S608  # a constant


@dataclass(frozen=True, slots=True)
class MatchingClients:
    """The clients that match, active or not. `copied_at`: the moment up to which the copy of registered
    software is complete; None where it has never been."""

    copied_at: datetime | None
    clients: tuple[ClientCopy, ...]


async def find_clients_by_certificate(connection: Connection, certificate: str) -> MatchingClients:
    """Returns the clients with this certificate (SHA-256 of its DER form, in hexadecimal)."""
    return _matching(await connection.fetch(FIND_BY_CERTIFICATE, certificate, IDENTITY_CLIENTS.name))


async def find_clients_by_application(connection: Connection, application: str) -> MatchingClients:
    """Returns the clients that send as this application, `MSH-3|MSH-4`."""
    return _matching(await connection.fetch(FIND_BY_APPLICATION, application, IDENTITY_CLIENTS.name))


FIND_CLIENT = f"select {COLUMNS} from clients c where c.client_id = $1"  # noqa: S608  # a constant


async def find_client(connection: Connection, client_id: str) -> ClientCopy | None:
    """Returns a client, active or not; None where it is unknown."""
    row = await connection.fetchrow(FIND_CLIENT, client_id)
    return None if row is None else _client(row)


FIND_INACTIVE = "select client_id from clients where client_id = any($1::text[]) and not active"


async def load_inactive_clients(connection: Connection, client_ids: Iterable[str]) -> set[str]:
    """Returns which of these clients have been deactivated."""
    return {row["client_id"] for row in await connection.fetch(FIND_INACTIVE, list(client_ids))}


def _matching(rows: Sequence[asyncpg.Record]) -> MatchingClients:
    return MatchingClients(rows[0]["copied_at"], tuple(_client(row) for row in rows if row["client_id"] is not None))


def _client(row: asyncpg.Record) -> ClientCopy:
    listener = None if row["listener"] is None else ClientListener.model_validate(orjson.loads(row["listener"]))
    return ClientCopy(
        client_id=row["client_id"],
        organisation_id=row["organisation_id"],
        is_active=row["active"],
        scopes=frozenset(row["scopes"]),
        applications=frozenset(row["applications"]),
        is_bulk=row["client_class"] == "bulk",
        listener=listener,
    )
