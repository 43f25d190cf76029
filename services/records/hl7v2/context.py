"""What the use cases of HL7 v2 messages need."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

from services.records.facts.context import ReadContext
from services.records.quarantine.context import QuarantineContext
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection

Effect = Callable[[Connection], Awaitable[None]]
"""What an accepted message changes in the transaction that stores its acknowledgement."""


@dataclass(frozen=True, slots=True)
class Hl7v2Rules:
    """`processing_ids`: the values of MSH-11 that are taken. `max_clients_age`: the greatest age of the copy of
    registered software with which messages are still taken."""

    processing_ids: Collection[str]
    max_clients_age: timedelta


@dataclass(frozen=True, slots=True)
class ListenerRules:
    """Where and how messages are taken. `certificate`, `key`, `client_authorities`: PEM files, all None without TLS.

    `message_limit`: bytes of a message. `max_age_s`: a connection that is older is closed between two messages.
    """

    host: str
    port: int
    max_connections: int
    message_limit: int
    certificate: str | None = None
    key: str | None = None
    client_authorities: str | None = None
    max_age_s: float = 3600


@dataclass(frozen=True, slots=True)
class Hl7v2Context:
    """The pool, the vault, the matrices and the rules; `ins_hmac` finds records. `quarantine`: keeps refused messages;
    None where a kept message is sent again."""

    read: ReadContext
    ins_hmac: Keyring
    rules: Hl7v2Rules
    quarantine: QuarantineContext | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection. `certificate`: the SHA-256 digest of its client certificate (DER), in hexadecimal;
    None on a connection without TLS, which is taken on loopback alone."""

    certificate: str | None
