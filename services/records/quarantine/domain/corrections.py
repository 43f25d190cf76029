"""Corrections of the envelope: a closed list of fields with their checked values. A document is never rewritten."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.errors import InvalidError
from shared.terminology.documents import DocumentType, document_type
from shared.values import Ins, InvalidInsError, RedactedRepr, Sex, check_key, is_cog, is_day, normalise_name

PATIENT_FIELDS: Final = ("ins", "birth_name", "given_name", "birth_date", "sex", "birth_place")
DOCUMENT_FIELDS: Final = ("type", "hash", "size")
_HASH: Final = re.compile(r"[A-Za-z0-9+/]{27}=|[0-9A-Fa-f]{40}", re.ASCII)
_SIZE: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_LONGEST_NAME: Final = 100


class CorrectionInvalidError(InvalidError):
    """A field cannot be corrected at this door, or its value is not well-formed: ins as urn:oid:<OID>|<15 characters>
    with its key, names that are not blank, birth_date YYYY-MM-DD, sex male, female or unknown, birth_place COG code,
    type a code of JDV_J66, hash base64 of SHA-1, size in bytes."""

    code = "correction-invalid"
    french = (
        "Ce champ ne se corrige pas pour cet envoi, ou sa valeur est mal formée : ins urn:oid:<OID>|<15 caractères> "
        "avec sa clé, noms non vides, birth_date AAAA-MM-JJ, sex male, female ou unknown, birth_place code COG, type "
        "code du JDV_J66, hash SHA-1 en base64 ou en hexadécimal, size en octets."
    )


class NotCorrectableError(InvalidError):
    """The envelope of this submission does not state the field to be corrected, or states it for several documents.
    Send it anew."""

    code = "not-correctable"
    french = (
        "L’enveloppe de cet envoi n’a pas le champ à corriger, ou l’a pour plusieurs documents. Envoyez-le à nouveau."
    )


@dataclass(frozen=True, slots=True, repr=False)
class Corrections(RedactedRepr):
    """Checked values of the fields to correct; None: the field stays as it is. `hash`: the 20 bytes of SHA-1."""

    ins: Ins | None = None
    birth_name: str | None = None
    given_name: str | None = None
    birth_date: str | None = None
    sex: Sex | None = None
    birth_place: str | None = None
    type: DocumentType | None = None
    hash: bytes | None = None
    size: int | None = None

    @property
    def has_traits(self) -> bool:
        """Returns whether a trait is corrected."""
        return any((self.birth_name, self.given_name, self.birth_date, self.sex, self.birth_place))

    @property
    def sex_code(self) -> str | None:
        """The sex as a code of HL7 v2 (table 0001): M, F, U."""
        return None if self.sex is None else self.sex.name[0]


def checked_corrections(changes: Mapping[str, str], fields: tuple[str, ...]) -> Corrections:
    """Returns the corrections. `fields`: those of the door. Raises CorrectionInvalidError."""
    if not changes or not changes.keys() <= set(fields):
        raise CorrectionInvalidError
    place = changes.get("birth_place", "").upper()
    return Corrections(
        ins=_ins(changes["ins"]) if "ins" in changes else None,
        birth_name=_taken(changes, "birth_name", _is_name(changes.get("birth_name", ""))),
        given_name=_taken(changes, "given_name", _is_name(changes.get("given_name", ""))),
        birth_date=_taken(changes, "birth_date", is_day(changes.get("birth_date", ""))),
        sex=_sex(changes["sex"]) if "sex" in changes else None,
        birth_place=place if _taken(changes, "birth_place", is_cog(place)) else None,
        type=_type(changes["type"]) if "type" in changes else None,
        hash=_hash(changes["hash"]) if "hash" in changes else None,
        size=int(size) if (size := _taken(changes, "size", _is_size(changes.get("size", "")))) else None,
    )


def _taken(changes: Mapping[str, str], field: str, is_valid: bool) -> str | None:
    if field in changes and not is_valid:
        raise CorrectionInvalidError
    return changes.get(field)


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and text.isprintable() and bool(normalise_name(text))


def _is_size(text: str) -> bool:
    return _SIZE.fullmatch(text) is not None


def _ins(token: str) -> Ins:
    try:
        ins = Ins.from_token(token)
        check_key(ins, lenient_test_oids=True)
    except InvalidInsError as error:
        raise CorrectionInvalidError from error
    return ins


def _sex(code: str) -> Sex:
    sex = Sex.of(code)
    if sex is None:
        raise CorrectionInvalidError
    return sex


def _hash(text: str) -> bytes:
    if _HASH.fullmatch(text) is None:
        raise CorrectionInvalidError
    return base64.b64decode(text) if text.endswith("=") else bytes.fromhex(text)


def _type(code: str) -> DocumentType:
    known_type = document_type(code)
    if known_type is None:
        raise CorrectionInvalidError
    return known_type
