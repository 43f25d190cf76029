"""What certificates need, which an installation may lack, and the route parameters that provide it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.records.certificates.domain.health_card import CardIssuer
from shared.crypto.keyring import Keyring
from shared.errors import NotFoundError
from shared.http.dependencies import provided


class CertificatesOffError(NotFoundError):
    """This installation issues no certificates."""

    code = "certificates-off"
    french = "Ce service n’établit pas de certificats."


@dataclass(frozen=True, slots=True)
class CertificateContext:
    """The issuer, None where the settings name none, and the ring of fingerprints, which confirms a person."""

    issuer: CardIssuer | None
    ins_hmac: Keyring


@dataclass(frozen=True, slots=True)
class CertificateIssuing:
    """What issuing needs: the issuer, and the ring of fingerprints, which confirms a person."""

    issuer: CardIssuer
    ins_hmac: Keyring


def card_issuer(context: Annotated[CertificateContext, Depends(provided(CertificateContext))]) -> CardIssuer:
    """Returns the issuer. Raises CertificatesOffError."""
    if context.issuer is None:
        raise CertificatesOffError
    return context.issuer


def certificate_issuing(
    issuer: Annotated[CardIssuer, Depends(card_issuer)],
    context: Annotated[CertificateContext, Depends(provided(CertificateContext))],
) -> CertificateIssuing:
    """Returns what issuing needs. Raises CertificatesOffError."""
    return CertificateIssuing(issuer, context.ins_hmac)


InjectedIssuing = Annotated[CertificateIssuing, Depends(certificate_issuing)]
"""A route's parameter: what issuing needs."""
InjectedCardIssuer = Annotated[CardIssuer, Depends(card_issuer)]
"""A route's parameter: the issuer of the settings."""
