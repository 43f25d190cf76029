"""Reads the form of a SMART Health Card: its file, its QR codes, its JWS and its claims. Nothing is verified here.

Source: SMART Health Cards Framework 1.4.
"""

import base64
import zlib
from collections.abc import Collection
from datetime import date
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from services.records.certificates.domain.health_card import RAW_DEFLATE, TYPES
from services.records.certificates.domain.qr_text import card_of
from shared.errors import CodedError

LARGEST_FILE: Final = 256 * 1024
"""Bytes of a file with cards."""
_LARGEST_PAYLOAD: Final = 128 * 1024


class CertificateInvalidError(CodedError):
    """This is no certificate, or it was altered."""

    code = "certificate-invalid"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)


class CardCoding(_Strict):
    """A FHIR Coding."""

    system: str
    code: str


class CardConcept(_Strict):
    """A FHIR CodeableConcept with a code."""

    coding: tuple[CardCoding, ...] = Field(min_length=1)


class CardName(_Strict):
    """A FHIR HumanName."""

    family: str
    given_names: tuple[str, ...] = Field(default=(), alias="given")


class CardPatient(_Strict):
    """The person of a card."""

    resourceType: Literal["Patient"]  # noqa: N815  # the name in FHIR
    name: tuple[CardName, ...] = Field(min_length=1)
    birthDate: date  # noqa: N815


class CardImmunization(_Strict):
    """A dose of a card, given on a day."""

    resourceType: Literal["Immunization"]  # noqa: N815
    status: Literal["completed"]
    vaccineCode: CardConcept  # noqa: N815
    occurrenceDateTime: date  # noqa: N815


class CardEntry(_Strict):
    """An entry of a card's Bundle."""

    resource: dict[str, Any]


class CardBundle(_Strict):
    """The Bundle of a card."""

    resourceType: Literal["Bundle"]  # noqa: N815
    entry: tuple[CardEntry, ...] = Field(min_length=2)


class CardSubject(_Strict):
    """What a card states."""

    fhirBundle: CardBundle  # noqa: N815


class CardCredential(_Strict):
    """The verifiable credential of a card."""

    type: tuple[str, ...]
    credentialSubject: CardSubject  # noqa: N815
    rid: str | None = None


class CardClaims(_Strict):
    """The payload of a card."""

    iss: str
    nbf: float
    exp: float | None = None
    vc: CardCredential


def issuer_of(card: str) -> tuple[str, str]:
    """Returns the issuer and the `kid` that a card states, before anything is verified.

    Raises CertificateInvalidError.
    """
    header, claims = read_card(card)
    return claims.iss, header["kid"]


def cards_in(content: bytes) -> tuple[str, ...]:
    """Returns the cards (compact JWS) in a `.smart-health-card` file, in the texts of QR codes (one on each line), or
    alone. Raises CertificateInvalidError.
    """
    text = content.decode("utf-8", "replace").strip()
    try:
        if text.startswith("{"):
            cards = orjson.loads(text)["verifiableCredential"]
            if not cards or not all(isinstance(card, str) for card in cards):
                raise CertificateInvalidError
            return tuple(cards)
        lines = text.split()
        return (card_of(lines),) if text[:5].lower() == "shc:/" else (_only(lines),)
    except (ValueError, TypeError, KeyError):
        raise CertificateInvalidError from None  # the cause quotes the content


def _only(lines: Collection[str]) -> str:
    (line,) = lines
    return line


def read_card(card: str) -> tuple[dict[str, Any], CardClaims]:
    """Returns the header and the claims of a card, neither of them verified. Raises CertificateInvalidError."""
    try:
        protected, payload, signature = card.split(".")
        header = orjson.loads(_bytes(protected))
        _bytes(signature)
        if header.get("alg") != "ES256" or header.get("zip") != "DEF" or not isinstance(header.get("kid"), str):
            raise CertificateInvalidError
        claims = CardClaims.model_validate_json(_inflated(_bytes(payload)))
    except (ValueError, TypeError, AttributeError, zlib.error):
        raise CertificateInvalidError from None
    if TYPES[0] not in claims.vc.type:
        raise CertificateInvalidError
    return header, claims


def _bytes(part: str) -> bytes:
    """Returns the bytes of a part in base64url. Raises ValueError for another spelling of the same bytes."""
    decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise ValueError("not in canonical form")
    return decoded


def _inflated(data: bytes) -> bytes:
    decompressor = zlib.decompressobj(RAW_DEFLATE)
    inflated = decompressor.decompress(data, _LARGEST_PAYLOAD)
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("not one compressed payload of the size of a card")
    return inflated
