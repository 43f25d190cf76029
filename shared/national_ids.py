"""National identifiers as people write them, and the full form under which rights name professionals and structures.

PS_IdNat (1.2.250.1.71.4.2.1) and Struct_IdNat (1.2.250.1.71.4.2.2) consist of one digit for the kind of number and the
number itself: 8 + RPPS, 0 + ADELI; 1 + FINESS, 2 + SIREN, 3 + SIRET, 4 + RPPS and rank, 0 + ADELI of a practice. Cards,
prescriptions and letterheads print the number without that digit. Source: CI-SIS, annexe transversale "Sources des
données métier".
"""

import re
from typing import Final, Literal

from shared.human_text import compact_code
from shared.values import InvalidNationalIdError

NationalIdKind = Literal["professional", "structure"]
LONGEST_INPUT: Final = 128
"""Characters that are read of an identifier which a person typed."""

_FULL: Final = re.compile(r"(?:[012]\d{9}|[01]2[AB]\d{7}|3\d{14}|4\d{12}|4\d{14,16}|8\d{11})", re.ASCII)
_NINE: Final = re.compile(r"\d{9}|2[AB]\d{7}", re.ASCII)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
_PROFESSIONALS: Final = frozenset("08")
_STRUCTURES: Final = frozenset("01234")


class NationalIdAmbiguousError(InvalidNationalIdError):
    """Nine characters may be a FINESS, SIREN or ADELI number, and the directory does not tell which is meant. Give the
    full identifier: 1 and the FINESS number, 2 and the SIREN number, 0 and the ADELI number."""

    code = "national-id-ambiguous"
    french = (
        "Neuf caractères peuvent être un numéro FINESS, SIREN ou ADELI, et l’annuaire ne dit pas lequel. Donnez "
        "l’identifiant complet : 1 puis le FINESS, 2 puis le SIREN, 0 puis l’ADELI."
    )


class NationalIdUnknownError(InvalidNationalIdError):
    """This is no national identifier. A professional: 8 and the RPPS number (11 digits) or 0 and the ADELI number (9).
    A structure: 1 and the FINESS number (9 characters), 2 and the SIREN number (9 digits), 3 and the SIRET number (14
    digits) or 4, the RPPS number and the rank. RPPS and SIRET numbers may be given as they are printed."""

    french = (
        "Ce n’est pas un identifiant national. Professionnel : 8 puis le RPPS (11 chiffres) ou 0 puis l’ADELI (9). "
        "Structure : 1 puis le FINESS (9 caractères), 2 puis le SIREN (9 chiffres), 3 puis le SIRET (14 chiffres) ou "
        "4 puis le RPPS et le rang. RPPS et SIRET peuvent être donnés tels qu’imprimés."
    )


def is_full_id(text: str) -> bool:
    """Whether the text is an identifier with its leading digit, which has only one meaning."""
    return _FULL.fullmatch(text) is not None


def full_ids(text: str, kind: NationalIdKind | None = None) -> tuple[str, ...]:
    """Returns the full identifiers that a text may mean, sorted; empty when it is no national number.

    Blanks, hyphens, dots, other Unicode digits and the case of letters (Corsican numbers) do not matter. `kind` limits
    the result to identifiers of professionals or of structures; None returns both.
    """
    number = compact_code(text[:LONGEST_INPUT]).upper()
    ids = set(_ids_of(number))
    if kind is not None:
        kinds = _PROFESSIONALS if kind == "professional" else _STRUCTURES
        ids = {full_id for full_id in ids if full_id[0] in kinds}
    return tuple(sorted(ids))


def _ids_of(number: str) -> list[str]:
    if is_full_id(number):
        return [number]
    if _NINE.fullmatch(number):
        return [f"{digit}{number}" for digit in ("012" if number.isdecimal() else "01")]
    if not _DIGITS.fullmatch(number):
        return []
    if len(number) == 11:
        return [f"8{number}"]
    if len(number) == 14:  # a SIRET; or 4, an RPPS number and a rank of two digits
        return [f"3{number}", *([number] if number[0] == "4" else [])]
    return []


def national_id_kind(full_id: str) -> NationalIdKind:
    """Returns the kind of holder by the first digit. Both kinds use 0, which counts as a professional."""
    return "professional" if full_id[0] in _PROFESSIONALS else "structure"
