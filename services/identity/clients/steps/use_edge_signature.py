"""Uses up a signature of the TLS entrance in the caller's transaction."""

from dataclasses import dataclass

from services.identity.clients import store as clients
from services.identity.clients.domain.cps import CertificateHolder
from services.identity.clients.domain.edge import EdgeSignature, EntranceUnknownError
from shared.db.pool import Connection

ENTRANCE = "tls-entrance"
"""The value of the client id in the table of used assertions."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """The holder of a certificate that the TLS entrance forwarded, and the signature, which is accepted once."""

    holder: CertificateHolder
    edge_signature: EdgeSignature


async def use_edge_signature(connection: Connection, certificate: PresentedCertificate) -> CertificateHolder:
    """Returns the holder. Raises EntranceUnknownError when the signature was used before."""
    edge_signature = certificate.edge_signature
    if not await clients.use_assertion(connection, ENTRANCE, edge_signature.digest, edge_signature.expires_at):
        raise EntranceUnknownError
    return certificate.holder
