"""A request for a certificate, and whether the record is that of the person whom it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize
from uuid import UUID

from services.records.certificates.domain.doses import DoseSelection, Holder
from services.records.certificates.domain.qr_text import MOST_CODES
from services.records.copies.domain.traits import differing_traits
from shared.crypto.keyring import Keyring
from shared.errors import InvalidError
from shared.values import SentTraits

_NAME: Final = re.compile(r"[^\W_]+(?:[ '’\-]+[^\W_]+)*")
"""Letters, with blanks, hyphens and apostrophes between them: what a comparison passes over is not certified."""
_NAMING: Final = ("birth_name", "given_name", "birth_date")
"""The traits that a certificate names, all of which the record must have."""


class HolderMismatchError(InvalidError):
    """The names or the birth date are not those of the person of this record, as on the identity document."""

    code = "holder-mismatch"
    french = (
        "Les noms ou la date de naissance ne sont pas ceux de la personne de ce dossier, tels que sur la pièce "
        "d’identité."
    )


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """Whom a certificate is to name, what it is to state, and how many QR codes may show it."""

    holder: Holder
    selection: DoseSelection
    most_codes: int = MOST_CODES


def check_holder(ring: Keyring, record_id: UUID, stored: Mapping[str, str | None], holder: Holder) -> None:
    """Raises HolderMismatchError unless every trait that the certificate names is confirmed by its fingerprint."""
    names = [normalize("NFC", name) for name in (holder.birth_name, holder.given_name)]
    if not all(_NAME.fullmatch(name) and not any(char.isdigit() for char in name) for name in names):
        raise HolderMismatchError
    sent = SentTraits(holder.birth_name, holder.given_name, holder.birth_date)
    is_complete = all(stored.get(name) is not None for name in _NAMING)
    if not is_complete or differing_traits(ring, record_id, stored, sent):
        raise HolderMismatchError
