"""Stores how registered software sends messages, and which version of a registration was announced."""

from dataclasses import dataclass

from services.identity.clients.domain.messaging import ClientMessaging
from shared.contracts.identity import ClientListener
from shared.db.pool import Connection

SELECT_MESSAGING = """
select certificates, applications, client_class, listener_host, listener_port, listener_tls
from client_messaging where client_id = $1"""


async def load_messaging(connection: Connection, client_id: str) -> ClientMessaging:
    """Returns the settings of a client, empty ones where none were set."""
    row = await connection.fetchrow(SELECT_MESSAGING, client_id)
    if row is None:
        return ClientMessaging()
    host = row["listener_host"]
    listener = None if host is None else ClientListener(host=host, port=row["listener_port"], tls=row["listener_tls"])
    return ClientMessaging(tuple(row["certificates"]), tuple(row["applications"]), row["client_class"], listener)


UPSERT_MESSAGING = """
insert into client_messaging
  (client_id, certificates, applications, client_class, listener_host, listener_port, listener_tls)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict on constraint client_messaging_pkey do update
set certificates = excluded.certificates, applications = excluded.applications, client_class = excluded.client_class,
    listener_host = excluded.listener_host, listener_port = excluded.listener_port,
    listener_tls = excluded.listener_tls"""


async def save_messaging(connection: Connection, client_id: str, messaging: ClientMessaging) -> None:
    """Replaces the settings of a client."""
    listener = messaging.listener
    await connection.execute(
        UPSERT_MESSAGING,
        client_id,
        messaging.certificates,
        messaging.applications,
        messaging.client_class,
        None if listener is None else listener.host,
        None if listener is None else listener.port,
        True if listener is None else listener.tls,
    )


_IS_ACTIVE = """(clients.status = 'active' and exists (
  select from structures where structures.id = clients.organisation_id and structures.status = 'active'))"""
RAISE_VERSION = f"""
update clients set version = version + 1, announced_active = {_IS_ACTIVE} where id = $1
returning version, announced_active, organisation_id, scopes"""  # noqa: S608  # a constant


@dataclass(frozen=True, slots=True)
class AnnouncedClient:
    """What is announced of a client's registration. `is_active`: it and its structure are active."""

    version: int
    is_active: bool
    organisation_id: str
    scopes: tuple[str, ...]


async def raise_version(connection: Connection, client_id: str) -> AnnouncedClient:
    """Raises the version of a client's registration, and returns what is to be announced of it."""
    row = await connection.fetchrow(RAISE_VERSION, client_id)
    assert row is not None, "clients are never deleted"
    return AnnouncedClient(row["version"], row["announced_active"], row["organisation_id"], tuple(row["scopes"]))


LOCK_UNANNOUNCED = f"""
select id from clients where kind = 'software' and announced_active is distinct from {_IS_ACTIVE}
order by id limit $1 for update skip locked"""  # noqa: S608  # a constant


async def lock_unannounced(connection: Connection, limit: int) -> list[str]:
    """Returns software whose present status has not been announced: that of an older release, and that of a structure
    whose status has changed. It is locked until the transaction ends."""
    return [row["id"] for row in await connection.fetch(LOCK_UNANNOUNCED, limit)]
