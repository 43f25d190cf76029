"""Uses up what the TLS entrance said of a request, within the caller's transaction."""

from dataclasses import dataclass

from services.identity.domain.cps import Holder
from services.identity.domain.edge import EntranceUnknownError, Passage
from services.identity.store import clients
from shared.db.pool import Connection

ENTRANCE = "tls-entrance"
"""Stands for the client in the table of used assertions."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """Whose certificate the TLS entrance saw, and its signature, which serves once."""

    holder: Holder
    passage: Passage


async def use_passage(connection: Connection, certificate: PresentedCertificate) -> Holder:
    """The holder. Raises EntranceUnknownError when the same signature has served before."""
    passage = certificate.passage
    if not await clients.use_assertion(connection, ENTRANCE, passage.digest, passage.expires_at):
        raise EntranceUnknownError
    return certificate.holder
