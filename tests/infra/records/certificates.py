"""Invented doses and issuers of vaccination certificates."""

import json
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from joserfc.jwk import ECKey

from services.records.certificates.domain.doses import Holder, PerformedDose, VaccineCode
from services.records.certificates.domain.health_card import CardIssuer, IssuedCard
from services.records.certificates.domain.verification import CardVerifier
from services.records.kit.issuer_keys import IssuerKeys
from services.records.revocations.domain import RevocationList
from shared.terminology.vaccines import ATC

ISSUER: Final = "https://records.dmp.example/certificates"
RID: Final = "abcdefghijklmnopqrstuvwx"
AT: Final = datetime(2026, 11, 29, 10, tzinfo=UTC)
CIS: Final = "urn:oid:1.2.250.1.213.2.3.1"
HOLDER: Final = Holder("INVENTÉE", "Zoé", "1984-02-29")


def new_key() -> ECKey:
    """Returns a private key of an issuer, whose `kid` is its thumbprint."""
    key = ECKey.generate_key("P-256", private=True)
    return ECKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def keys_text(*keys: ECKey, retired: tuple[ECKey, ...] = ()) -> str:
    """Returns the setting with these keys, and the public halves of retired ones."""
    public = [key.as_dict(private=False) for key in retired]
    return json.dumps([*(key.as_dict(private=True) for key in keys), *public])


KEY: Final = new_key()
CARD_KEYS: Final = keys_text(KEY)
KEYS: Final = IssuerKeys.parse(CARD_KEYS)
CARD_ISSUER: Final = CardIssuer(ISSUER, KEYS)


def a_dose(number: int, code: str = "J07BD52", *, day: date = date(2025, 3, 1), **changes: Any) -> PerformedDose:
    """Returns a dose of a vaccine by its ATC code, by default against measles, mumps and rubella."""
    values: dict[str, Any] = {
        "fact_id": UUID(int=number),
        "document_id": UUID(int=1000 + number),
        "codes": (VaccineCode(CIS, f"6{number:07d}"), VaccineCode(ATC, code)),
        "day": day,
        "name": "VACCIN INVENTÉ, suspension injectable",
        "lot": f"LOT{number}",
        "performer": "Dr Camille INVENTÉE",
    }
    return PerformedDose(**{**values, **changes})


def a_card(*doses: PerformedDose, holder: Holder = HOLDER, issuer: CardIssuer = CARD_ISSUER) -> IssuedCard:
    """Returns a card about these doses, by default one."""
    return issuer.issue(holder, doses or (a_dose(1),), RID, AT)


def verifier(*revoked: str, keys: IssuerKeys = KEYS, version: int | None = None) -> CardVerifier:
    """Returns a verifier that trusts the issuer, and has the lists of its keys; these cards of the active one are
    revoked. `version`: of the lists as the keys state it, by default the true one."""
    lists = {str(key.kid): RevocationList.of_rids(str(key.kid), ()) for key in keys.keys}
    lists[keys.active] = RevocationList.of_rids(keys.active, revoked)
    published = keys.published({kid: version or revocations.version for kid, revocations in lists.items()})
    return CardVerifier({ISSUER: {"keys": published}}, {(ISSUER, kid): listed for kid, listed in lists.items()})
