"""Software proves that it is a registered client, within the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.assertions import (
    AssertionRefusedError,
    AssertionReplayedError,
    claimed_client,
    verify_assertion,
)
from services.identity.domain.clients import Client
from services.identity.domain.tokens import Issuer
from services.identity.store import clients
from services.identity.usecases.use_passage import PresentedCertificate, use_passage
from shared.db.pool import Connection


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """`tls_client_auth` (RFC 8705): the client id stated, and the certificate presented."""

    client_id: str
    certificate: PresentedCertificate


ClientProof = str | CertificateProof
"""An assertion (`private_key_jwt`), or a certificate."""


async def prove_client(connection: Connection, issuer: Issuer, proof: ClientProof, now: datetime) -> Client:
    """The client; each proof serves once. Raises AssertionRefusedError and its kinds, EntranceUnknownError."""
    if isinstance(proof, CertificateProof):
        return await _by_certificate(connection, proof)
    client_id = claimed_client(proof)
    client = await clients.load_client(connection, client_id)
    if client is None:
        raise AssertionRefusedError
    verified = verify_assertion(proof, client, issuer.audiences, now)
    if not await clients.use_assertion(connection, client_id, verified.digest, verified.expires_at):
        raise AssertionReplayedError
    return client


async def _by_certificate(connection: Connection, proof: CertificateProof) -> Client:
    """Registered with this subject, and for the structure that the certificate names."""
    holder = await use_passage(connection, proof.certificate)
    client = await clients.load_client(connection, proof.client_id)
    if client is None or client.certificate_subject is None:
        raise AssertionRefusedError
    if (client.certificate_subject, client.organisation_id) != (holder.subject, holder.id):
        raise AssertionRefusedError
    return client
