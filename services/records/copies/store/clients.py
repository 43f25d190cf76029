"""The local copy of registered software (`identity.clients.v1`)."""

from collections.abc import Iterable, Sequence

import asyncpg
import orjson

from services.records.copies.domain.clients import ClientCopy
from shared.contracts.identity import ClientChanged, ClientListener
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
FIND_CLIENT = f"select {COLUMNS} from clients c where c.client_id = $1"  # noqa: S608  # a constant


async def find_client(connection: Connection, client_id: str) -> ClientCopy | None:
    """Returns a client, active or not; None where it is unknown."""
    row = await connection.fetchrow(FIND_CLIENT, client_id)
    return None if row is None else client_of(row)


FIND_INACTIVE = "select client_id from clients where client_id = any($1::text[]) and not active"


async def load_inactive_clients(connection: Connection, client_ids: Iterable[str]) -> set[str]:
    """Returns which of these clients have been deactivated."""
    return {row["client_id"] for row in await connection.fetch(FIND_INACTIVE, list(client_ids))}


def client_of(row: asyncpg.Record) -> ClientCopy:
    """Returns the client in a row that has COLUMNS."""
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
