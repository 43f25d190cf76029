"""Stores the acknowledgements of accepted messages, so that a repeated message gets the same."""

import hashlib
from dataclasses import dataclass

from shared.db.pool import Connection

FIND_RECEIVED = """
select digest, acknowledgement from received_messages where client_id = $1 and control_digest = $2"""
INSERT_RECEIVED = """
insert into received_messages (client_id, control_digest, digest, acknowledgement)
values ($1, $2, $3, $4) on conflict on constraint received_messages_pkey do nothing returning true"""
SWEEP_RECEIVED = """
delete from received_messages where (client_id, control_digest, digest) in (
  select client_id, control_digest, digest from received_messages
  where received_at < $1 order by received_at limit $2)"""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """The identity of a message: its sender, and digests of MSH-10 and of all its bytes."""

    client_id: str
    control_digest: bytes
    digest: bytes

    @classmethod
    def of(cls, client_id: str, control_id: str, raw: bytes) -> "ReceivedMessage":
        """Returns the identity of a message."""
        return cls(client_id, hashlib.sha256(control_id.encode()).digest(), hashlib.sha256(raw).digest())


@dataclass(frozen=True, slots=True)
class EarlierMessages:
    """What is known of a control id: the acknowledgement of the very same message, and whether another one had it."""

    acknowledgement: bytes | None
    is_reused: bool


async def find_earlier(connection: Connection, message: ReceivedMessage) -> EarlierMessages:
    """Returns the accepted messages of this sender with the same control id."""
    rows = await connection.fetch(FIND_RECEIVED, message.client_id, message.control_digest)
    same = next((row["acknowledgement"] for row in rows if row["digest"] == message.digest), None)
    return EarlierMessages(same, bool(rows) and same is None)


async def insert_received(connection: Connection, message: ReceivedMessage, acknowledgement: bytes) -> bool:
    """Stores the acknowledgement of an accepted message. Returns False where the message has been stored already; it
    keeps its first one."""
    inserted: bool | None = await connection.fetchval(
        INSERT_RECEIVED, message.client_id, message.control_digest, message.digest, acknowledgement
    )
    return inserted is not None
