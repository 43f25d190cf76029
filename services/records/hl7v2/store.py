"""Finds who may have sent a message, and stores the acknowledgements of accepted ones, so that a repeated message gets
the same."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from services.records.copies.domain.clients import ClientCopy
from services.records.copies.store.clients import COLUMNS, client_of
from shared.contracts.topics import IDENTITY_CLIENTS
from shared.db.pool import Connection

_COLUMNS = f"mark.copied_at, {COLUMNS}, r.digest, r.acknowledgement"
_MARK = "(select min(at) as copied_at from copy_watermarks where topic = $2) as mark"
_EARLIER = "received_messages r on r.client_id = c.client_id and r.control_digest = $3"
FIND_BY_CERTIFICATE = f"""
select {_COLUMNS} from {_MARK}
left join clients c on c.certificates @> array[$1::text]
left join {_EARLIER}"""  # noqa: S608  # a constant
FIND_BY_APPLICATION = f"""
select {_COLUMNS} from {_MARK}
left join clients c on c.applications @> array[$1::text]
left join {_EARLIER}"""  # noqa: S608  # a constant
INSERT_RECEIVED = """
insert into received_messages (client_id, control_digest, digest, acknowledgement)
values ($1, $2, $3, $4) on conflict on constraint received_messages_pkey do nothing returning true"""
SWEEP_RECEIVED = """
delete from received_messages where (client_id, control_digest, digest) in (
  select client_id, control_digest, digest from received_messages
  where received_at < $1 order by received_at limit $2)"""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The identity of a message of one sender: digests of MSH-10 and of all its bytes."""

    control_digest: bytes
    digest: bytes

    @classmethod
    def of(cls, control_id: str, raw: bytes) -> "ReceivedMessage":
        """Returns the identity of a message."""
        return cls(hashlib.sha256(control_id.encode()).digest(), hashlib.sha256(raw).digest())


@dataclass(frozen=True, slots=True)
class PossibleSenders:
    """The clients that match, active or not, and the accepted messages of each with the same control id.

    `copied_at`: the moment up to which the copy of registered software is complete; None where it has never been.
    `earlier`: by client id, the acknowledgements by the digests of the messages.
    """

    copied_at: datetime | None
    clients: tuple[ClientCopy, ...]
    earlier: dict[str, dict[bytes, bytes]]


async def find_by_certificate(connection: Connection, certificate: str, message: ReceivedMessage) -> PossibleSenders:
    """Returns the clients with this certificate (SHA-256 of its DER form, in hexadecimal)."""
    return await _find(connection, FIND_BY_CERTIFICATE, certificate, message)


async def find_by_application(connection: Connection, application: str, message: ReceivedMessage) -> PossibleSenders:
    """Returns the clients that send as this application, `MSH-3|MSH-4`."""
    return await _find(connection, FIND_BY_APPLICATION, application, message)


async def _find(connection: Connection, statement: str, proof: str, message: ReceivedMessage) -> PossibleSenders:
    rows = await connection.fetch(statement, proof, IDENTITY_CLIENTS.name, message.control_digest)
    clients, earlier = dict[str, ClientCopy](), dict[str, dict[bytes, bytes]]()
    for row in rows:
        client_id = row["client_id"]
        if client_id is not None and client_id not in clients:
            clients[client_id], earlier[client_id] = client_of(row), {}
        if row["digest"] is not None:
            earlier[client_id][row["digest"]] = row["acknowledgement"]
    return PossibleSenders(rows[0]["copied_at"], tuple(clients.values()), earlier)


async def insert_received(
    connection: Connection, client_id: str, message: ReceivedMessage, acknowledgement: bytes
) -> bool:
    """Stores the acknowledgement of an accepted message. Returns False where the message has been stored already; it
    keeps its first one."""
    inserted: bool | None = await connection.fetchval(
        INSERT_RECEIVED, client_id, message.control_digest, message.digest, acknowledgement
    )
    return inserted is not None
