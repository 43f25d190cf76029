"""Certificates of the IGC-Santé: the card of a professional (CPS) and the certificate of an organisation.

The library `cryptography` checks chain, validity and key usages (RFC 5280). Revocation is checked against current
lists, then the profile. The name in a certificate counts only under the issuers of its kind, because the orderer of an
organisation's certificate chooses its common name. Professional: CN = PS_IdNat; organisation: OU = Struct_IdNat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.identity.directory.domain.directory import professional_id, structure_id
from shared.errors import ForbiddenError, InvalidError, UncheckableError
from shared.values import InvalidNationalIdError

CertificateKind = Literal["professional", "organisation"]
_LONGEST_CHAIN = 3


class CertificateNeededError(ForbiddenError):
    """Present a client certificate to the TLS entrance of this service."""

    code = "certificate-needed"
    french = "Il faut un certificat client, présenté à l’entrée TLS de ce service."


class CertificateUntrustedError(ForbiddenError):
    """The certificate is not from a trusted authority, is outside its validity period, or is not for client
    authentication."""

    code = "certificate-untrusted"
    french = (
        "Le certificat ne vient pas d’une autorité reconnue pour cela, n’est plus (ou pas encore) valable, ou ne sert "
        "pas à se connecter."
    )


class CertificateRevokedError(ForbiddenError):
    """The certificate was revoked. Request a new card or certificate."""

    code = "certificate-revoked"
    french = "Le certificat a été révoqué. Demandez une nouvelle carte ou un nouveau certificat."


class RevocationUnknownError(UncheckableError):
    """The revocation of the certificate cannot be checked now: the revocation list is missing or out of date."""

    code = "revocation-unknown"
    french = "On ne peut pas vérifier pour l’instant si le certificat a été révoqué. Réessayez plus tard."


class CertificateSubjectError(InvalidError):
    """Write the subject of the certificate as in RFC 4514, with the Struct_IdNat of the software's organisation as
    OU."""

    code = "certificate-subject-invalid"
    french = "Le sujet d’un certificat s’écrit selon la RFC 4514, avec le Struct_IdNat de l’organisation dans OU."


@dataclass(frozen=True)
class CertificateAuthorities:
    """The root certificates, and the intermediate issuers for each kind of holder."""

    roots: tuple[x509.Certificate, ...]
    persons: tuple[x509.Certificate, ...]
    organisations: tuple[x509.Certificate, ...]

    def issuers(self, kind: CertificateKind) -> tuple[x509.Certificate, ...]:
        """Returns the intermediate issuers of that kind."""
        return self.persons if kind == "professional" else self.organisations


@dataclass(frozen=True, slots=True)
class CertificateHolder:
    """The holder of a certificate. `id`: PS_IdNat or Struct_IdNat; `subject`: the whole subject (RFC 4514)."""

    kind: CertificateKind
    id: str
    subject: str


def verify_certificate(
    der: bytes,
    kind: CertificateKind,
    authorities: CertificateAuthorities,
    lists: Sequence[x509.CertificateRevocationList],
    now: datetime,
) -> CertificateHolder:
    """Verifies a certificate of that kind and returns its holder.

    Raises CertificateUntrustedError, CertificateRevokedError, RevocationUnknownError.
    """
    try:
        leaf = x509.load_der_x509_certificate(der)
        chain = _chain(leaf, kind, authorities, now)
    except (ValueError, x509.InvalidVersion, verification.VerificationError) as error:
        raise CertificateUntrustedError from error
    _check_usage(leaf)
    for certificate, issuer in pairwise(chain):
        _check_revocation(certificate, issuer, lists, now)
    return CertificateHolder(kind, _holder_id(leaf, kind), leaf.subject.rfc4514_string())


def organisation_subject(text: str, organisation_id: str | None) -> str:
    """Returns the canonical form of the subject of a client's certificate. Raises CertificateSubjectError."""
    try:
        name = x509.Name.from_rfc4514_string(text)
        holder = _attribute(name, NameOID.ORGANIZATIONAL_UNIT_NAME)
    except (ValueError, CertificateUntrustedError) as error:
        raise CertificateSubjectError from error
    if organisation_id is None or holder != organisation_id:
        raise CertificateSubjectError
    return name.rfc4514_string()


def _chain(
    leaf: x509.Certificate, kind: CertificateKind, authorities: CertificateAuthorities, now: datetime
) -> list[x509.Certificate]:
    """Returns leaf, issuers and root. A subject alternative name is not required: these certificates use the
    subject."""
    if not authorities.roots:
        raise CertificateUntrustedError
    leaves = verification.ExtensionPolicy.permit_all().require_present(
        x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, None
    )
    builder = (
        verification.PolicyBuilder()
        .store(verification.Store(list(authorities.roots)))
        .time(now)
        .max_chain_depth(_LONGEST_CHAIN)
        .extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=leaves)
    )
    return builder.build_client_verifier().verify(leaf, list(authorities.issuers(kind))).chain


def _check_usage(leaf: x509.Certificate) -> None:
    """Checks that the leaf is an end entity with a strong key, for digital signature in client authentication."""
    try:
        extensions = leaf.extensions
        signs = extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError) as error:
        raise CertificateUntrustedError from error
    constraints = [extension.value for extension in extensions if isinstance(extension.value, x509.BasicConstraints)]
    understood = all(
        not extension.critical or not isinstance(extension.value, x509.UnrecognizedExtension)
        for extension in extensions
    )
    key = leaf.public_key()
    strong = isinstance(key, ec.EllipticCurvePublicKey) or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048)
    if not (signs and ExtendedKeyUsageOID.CLIENT_AUTH in purposes and understood and strong):
        raise CertificateUntrustedError
    if any(constraint.ca for constraint in constraints):
        raise CertificateUntrustedError


def _check_revocation(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[x509.CertificateRevocationList],
    now: datetime,
) -> None:
    """Checks every current list of the issuer; at least one must be current."""
    current = [crl for crl in lists if _is_current(crl, issuer, now)]
    if not current:
        raise RevocationUnknownError
    if any(crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None for crl in current):
        raise CertificateRevokedError


def _is_current(crl: x509.CertificateRevocationList, issuer: x509.Certificate, now: datetime) -> bool:
    if crl.issuer != issuer.subject or crl.next_update_utc is None:
        return False
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) or not crl.is_signature_valid(key):
        return False
    return crl.last_update_utc <= now < crl.next_update_utc


def _holder_id(leaf: x509.Certificate, kind: CertificateKind) -> str:
    if kind == "professional":
        return _parse_professional_id(_attribute(leaf.subject, NameOID.COMMON_NAME))
    return _attribute(leaf.subject, NameOID.ORGANIZATIONAL_UNIT_NAME)


def _parse_professional_id(text: str) -> str:
    try:
        return professional_id(text)
    except InvalidNationalIdError as error:
        raise CertificateUntrustedError from error


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """Returns the only value of that attribute; for OU it must be a Struct_IdNat."""
    values = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
    if len(values) != 1:
        raise CertificateUntrustedError
    if oid != NameOID.ORGANIZATIONAL_UNIT_NAME:
        return values[0]
    try:
        return structure_id(values[0])
    except InvalidNationalIdError as error:
        raise CertificateUntrustedError from error
