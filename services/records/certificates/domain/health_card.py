"""Issues a SMART Health Card about doses: a FHIR Bundle in a compressed JWS, signed with ES256.

Source: SMART Health Cards Framework 1.4.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from services.records.certificates.domain.bundle import bundle
from services.records.certificates.domain.doses import Holder, PerformedDose, TooManyDosesError
from services.records.certificates.domain.qr_text import MOST_CODES, QrText, qr_texts
from services.records.kit.issuer_keys import IssuerKeys
from shared.values import RedactedRepr

TYPES: Final = ("https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization")
FHIR_VERSION: Final = "4.0.1"
MEDIA_TYPE: Final = "application/smart-health-card"
RAW_DEFLATE: Final = -15


@dataclass(frozen=True, slots=True, repr=False)
class IssuedCard(RedactedRepr):
    """A signed card. `text`: the compact JWS; `codes`: the texts of its QR codes."""

    text: str
    kid: str
    rid: str
    issuer: str
    holder: Holder
    doses: tuple[PerformedDose, ...]
    issued_at: datetime
    codes: tuple[QrText, ...]

    def file(self) -> bytes:
        """Returns the content of a `.smart-health-card` file."""
        return orjson.dumps({"verifiableCredential": [self.text]})


@dataclass(frozen=True, slots=True)
class CardIssuer:
    """The issuer: the URL under which its keys and lists are published, https and without a slash at its end."""

    url: str
    keys: IssuerKeys

    def issue(
        self, holder: Holder, doses: Sequence[PerformedDose], rid: str, at: datetime, most_codes: int = MOST_CODES
    ) -> IssuedCard:
        """Returns a card about these doses, valid from `at` on.

        Raises TooManyDosesError where more than `most_codes` QR codes would be needed.
        """
        whole = at.replace(microsecond=0)
        text = self.keys.sign(_deflated(_claims(self.url, holder, doses, rid, int(whole.timestamp()))))
        try:
            codes = qr_texts(text, most_codes)
        except ValueError:
            raise TooManyDosesError from None
        return IssuedCard(text, self.keys.active, rid, self.url, holder, tuple(doses), whole, codes)


def _claims(issuer: str, holder: Holder, doses: Sequence[PerformedDose], rid: str, seconds: int) -> dict[str, Any]:
    subject = {"fhirVersion": FHIR_VERSION, "fhirBundle": bundle(holder, doses)}
    return {"iss": issuer, "nbf": seconds, "vc": {"type": TYPES, "credentialSubject": subject, "rid": rid}}


def _deflated(claims: dict[str, Any]) -> bytes:
    compressor = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, RAW_DEFLATE)
    return compressor.compress(orjson.dumps(claims)) + compressor.flush()
