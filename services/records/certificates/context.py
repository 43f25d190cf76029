"""The issuer of certificates, which an installation may lack, and the route parameter that provides it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.records.certificates.domain.health_card import CardIssuer
from shared.errors import NotFoundError
from shared.http.dependencies import provided


class CertificatesOffError(NotFoundError):
    """This installation issues no certificates."""

    code = "certificates-off"
    french = "Ce service n’établit pas de certificats."


@dataclass(frozen=True, slots=True)
class CertificateContext:
    """`issuer` is None where the settings name none."""

    issuer: CardIssuer | None


def card_issuer(context: Annotated[CertificateContext, Depends(provided(CertificateContext))]) -> CardIssuer:
    """Returns the issuer. Raises CertificatesOffError."""
    if context.issuer is None:
        raise CertificatesOffError
    return context.issuer


InjectedCardIssuer = Annotated[CardIssuer, Depends(card_issuer)]
"""A route's parameter: the issuer of the settings."""
