"""Pieces of use cases: authenticates software as a registered client, and makes the event of its present state."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.clients.domain.assertions import (
    AssertionRefusedError,
    AssertionReplayedError,
    ClientDisabledError,
    unverified_client_id,
    verify_assertion,
)
from services.identity.clients.domain.clients import Client
from services.identity.clients.domain.cps import CertificateHolder
from services.identity.clients.domain.edge import EdgeSignature, EntranceUnknownError
from services.identity.clients.domain.registrations import Registration, administered
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.clients.store import clients, messaging
from services.identity.kit.announcements import announce
from shared.contracts.base import Actor
from shared.contracts.identity import ClientAction, ClientChanged
from shared.db.pool import Connection
from shared.messaging.outbox import append

ENTRANCE = "tls-entrance"
"""The client id under which the table of used assertions stores the entrance's signatures."""


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """The holder of a certificate that the TLS entrance forwarded, and the signature, which is accepted once."""

    holder: CertificateHolder
    edge_signature: EdgeSignature


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """`tls_client_auth` (RFC 8705): the stated client id and the presented certificate."""

    client_id: str
    certificate: PresentedCertificate


ClientProof = str | CertificateProof
"""An assertion (`private_key_jwt`), or a certificate."""


async def prove_client(connection: Connection, issuer: TokenIssuer, proof: ClientProof, now: datetime) -> Client:
    """Returns the authenticated client, which is active. Each proof is accepted once.

    Raises AssertionRefusedError and its subclasses, EntranceUnknownError. Only software that has proven who it is
    learns that it was deactivated.
    """
    if isinstance(proof, CertificateProof):
        client = await _by_certificate(connection, proof)
    else:
        client = await _by_assertion(connection, issuer, proof, now)
    if client.status != "active":
        raise ClientDisabledError
    return client


async def _by_assertion(connection: Connection, issuer: TokenIssuer, proof: str, now: datetime) -> Client:
    """Returns the client that signed the assertion."""
    client_id = unverified_client_id(proof)
    client = await clients.load_client_of_any_status(connection, client_id)
    if client is None:
        raise AssertionRefusedError
    assertion = verify_assertion(proof, client, issuer.audiences, now)
    if not await clients.use_assertion(connection, client_id, assertion.digest, assertion.expires_at):
        raise AssertionReplayedError
    return client


async def _by_certificate(connection: Connection, proof: CertificateProof) -> Client:
    """Returns the client registered with the certificate's subject and structure."""
    holder = await use_edge_signature(connection, proof.certificate)
    client = await clients.load_client_of_any_status(connection, proof.client_id)
    if client is None or client.certificate_subject is None:
        raise AssertionRefusedError
    if (client.certificate_subject, client.organisation_id) != (holder.subject, holder.id):
        raise AssertionRefusedError
    return client


async def use_edge_signature(connection: Connection, certificate: PresentedCertificate) -> CertificateHolder:
    """Returns the holder. Raises EntranceUnknownError when the signature was used before."""
    edge_signature = certificate.edge_signature
    if not await clients.use_assertion(connection, ENTRANCE, edge_signature.digest, edge_signature.expires_at):
        raise EntranceUnknownError
    return certificate.holder


async def announce_change(
    connection: Connection,
    action: ClientAction,
    registration: Registration,
    actor: Actor,
    before: Registration | None = None,
) -> None:
    """Announces a change for the ledger, and the client's present state; not that of administrators and operators,
    whom no other service needs to know."""
    announcements = [announce(administered(action, registration, actor, before))]
    if registration.client.kind == "software":
        announcements.append(announce(await client_changed(connection, registration.id)))
    await append(connection, announcements)


async def client_changed(connection: Connection, client_id: str) -> ClientChanged:
    """Returns the event of the present state of software, under a raised version."""
    announced = await messaging.raise_version(connection, client_id)
    settings = await messaging.load_messaging(connection, client_id)
    return ClientChanged(
        client_id=client_id,
        version=announced.version,
        organisation_id=announced.organisation_id,
        status="active" if announced.is_active else "inactive",
        scopes=announced.scopes,
        certificates=settings.certificates,
        applications=settings.applications,
        client_class=settings.client_class,
        listener=settings.listener,
    )
