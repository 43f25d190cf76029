"""Verifies a SMART Health Card with published keys and revocation lists alone, without the service that issued it.

Source: SMART Health Cards Framework 1.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import ValidationError

from services.records.certificates.domain.card_content import (
    CardClaims,
    CardImmunization,
    CardPatient,
    CertificateInvalidError,
    read_card,
)
from services.records.kit.issuer_keys import REGISTRY
from services.records.revocations.domain import RevocationList
from shared.crypto.jwk_sets import usable_keys
from shared.errors import CodedError
from shared.values import RedactedRepr


class IssuerUntrustedError(CodedError):
    """The issuer of this certificate is not one of the trusted ones, or it has no such key."""

    code = "issuer-untrusted"


class CertificateNotInForceError(CodedError):
    """This certificate is not valid yet, or not any more."""

    code = "certificate-not-in-force"


class CertificateRevokedError(CodedError):
    """The issuer has revoked this certificate."""

    code = "certificate-revoked"


class RevocationsUnknownError(CodedError):
    """Whether this certificate is revoked cannot be checked: the list of its key is missing or too old."""

    code = "revocations-unknown"


@dataclass(frozen=True, slots=True)
class VerifiedDose:
    """A dose of a genuine certificate: the day, and the vaccine's codes as (system, code)."""

    day: date
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedCard(RedactedRepr):
    """A genuine certificate that is in force."""

    issuer: str
    kid: str
    rid: str | None
    issued_at: datetime
    name: str
    birth_date: date
    doses: tuple[VerifiedDose, ...]


@dataclass(frozen=True, slots=True)
class CardVerifier:
    """What a verifier trusts: the URLs of issuers, and their published keys and lists.

    `keys`: a JWK Set of each issuer. `lists`: the revocation lists by issuer and `kid`.
    """

    keys: Mapping[str, Any]
    lists: Mapping[tuple[str, str], RevocationList]

    def verify(self, card: str, now: datetime) -> VerifiedCard:
        """Returns the content of a card (compact JWS).

        Raises CertificateInvalidError, IssuerUntrustedError, CertificateNotInForceError, RevocationsUnknownError,
        CertificateRevokedError.
        """
        header, claims = read_card(card)
        kid = header["kid"]
        jwk = _jwk(self.keys.get(claims.iss), kid)
        _check_signature(card, jwk)
        if claims.nbf > now.timestamp() or (claims.exp is not None and claims.exp <= now.timestamp()):
            raise CertificateNotInForceError
        self._check_revocation(claims, kid, jwk.get("crlVersion"))
        return _verified_card(claims, kid)

    def _check_revocation(self, claims: CardClaims, kid: str, version: Any) -> None:
        """Checks the list of the key, where the issuer says that there is one."""
        if version is None:
            return
        revoked = self.lists.get((claims.iss, kid))
        if revoked is None or not isinstance(version, int) or revoked.version < version:
            raise RevocationsUnknownError
        if claims.vc.rid is not None and revoked.revokes(claims.vc.rid, claims.nbf):
            raise CertificateRevokedError


def _jwk(published: Any, kid: str) -> dict[str, Any]:
    """Returns the issuer's public key. Raises IssuerUntrustedError; a key whose `kid` is not its thumbprint is none."""
    try:
        usable = {str(key.kid) for key in usable_keys(published, ("EC",)).keys if key.thumbprint() == key.kid}
        jwks = [jwk for jwk in published["keys"] if jwk.get("kid") == kid and jwk.get("crv") == "P-256"]
    except (ValueError, AttributeError):
        raise IssuerUntrustedError from None
    if kid not in usable or len(jwks) != 1:
        raise IssuerUntrustedError
    jwk: dict[str, Any] = jwks[0]
    return jwk


def _check_signature(card: str, jwk: dict[str, Any]) -> None:
    try:
        jws.deserialize_compact(card, ECKey.import_key(jwk), registry=REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise CertificateInvalidError from None


def _verified_card(claims: CardClaims, kid: str) -> VerifiedCard:
    resources = [entry.resource for entry in claims.vc.credentialSubject.fhirBundle.entry]
    try:
        patients = [CardPatient.model_validate(r) for r in resources if r.get("resourceType") == "Patient"]
        others = [CardImmunization.model_validate(r) for r in resources if r.get("resourceType") != "Patient"]
    except ValidationError:
        raise CertificateInvalidError from None
    if len(patients) != 1 or not others:
        raise CertificateInvalidError
    name = patients[0].name[0]
    return VerifiedCard(
        claims.iss,
        kid,
        claims.vc.rid,
        datetime.fromtimestamp(claims.nbf, UTC),
        " ".join([*name.given_names, name.family]),
        patients[0].birthDate,
        tuple(
            VerifiedDose(dose.occurrenceDateTime, tuple((code.system, code.code) for code in dose.vaccineCode.coding))
            for dose in others
        ),
    )
