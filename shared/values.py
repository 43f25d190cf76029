"""Values that several services use: the INS, national ids of professionals and structures, strict traits.

Sources: RNIPP numbering and the CI-SIS identity rules (INS-NIR 1.2.250.1.213.1.4.8, INS-NIA .9, test .10 and .11;
strict traits: birth name, first birth given name, birth date, sex, birth place as an INSEE COG code).

The repr() of a value with personal data shows only its type, so that no log line can print the data.
"""

import re
import unicodedata
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import NewType, Self

from shared.errors import InvalidError
from shared.human_text import without_invisible
from shared.terminology import oids

NationalProfessionalId = NewType("NationalProfessionalId", str)
"""PS_IdNat (1.2.250.1.71.4.2.1): 8 + RPPS, 0 + ADELI, 1, 3, 4, 5 or 6 + structure / internal id."""

NationalStructureId = NewType("NationalStructureId", str)
"""Struct_IdNat (1.2.250.1.71.4.2.2): 1 + FINESS, 2 + SIREN, 3 + SIRET, 4 + RPPS-rank, 0 + ADELI cabinet."""

# The pattern is loose on purpose: official national material itself contains shortened and internal ids.
_NATIONAL_ID = re.compile(r"[0-9][!-%'-\[\]_a-z{}]{2,99}")

# Sex 1 or 2; year; month 01-12, or 20-99 for an unknown month; department (2A and 2B in Corsica, 97 and 98 overseas, 99
# abroad) and commune; order; key.
_BORN = r"\d\d(?:0[1-9]|1[0-2]|[2-9]\d)(?:0[1-9]|[1-9]\d|2[AB])\d{3}\d{3}"
_KEY = r"(?:0[1-9]|[1-8]\d|9[0-7])"
_NIR = re.compile(rf"[12]{_BORN}{_KEY}", re.ASCII)
# Waiting numbers: 5 and 6 (MIG), 7 and 8 (NNP), then 1 or 2, fund, order. An NIA is a NIR that begins with 7 or 8.
_NIA = re.compile(rf"(?:[5-8][12]\d{{3}}\d{{8}}|[78]{_BORN}){_KEY}", re.ASCII)
_COG = re.compile(r"\d{5}|2[AB]\d{3}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class InvalidInsError(InvalidError):
    """This is not an INS: 15 characters with its key, under an INS-NIR or INS-NIA system."""

    code = "ins-malformed"
    french = "Ce n’est pas un INS : 15 caractères avec la clé, sous un système INS-NIR ou INS-NIA."


class UnknownInsSystemError(InvalidInsError):
    """An INS is under urn:oid:1.2.250.1.213.1.4.8 (NIR), .9 (NIA), or .10 and .11 for tests. INS-C is not accepted."""

    code = "ins-system-unknown"
    french = (
        "Un INS est sous urn:oid:1.2.250.1.213.1.4.8 (NIR), .9 (NIA), ou .10 et .11 pour les tests. L’INS-C est refusé."
    )


class WrongInsKeyError(InvalidInsError):
    """The key of this INS does not fit its number: it was mistyped or invented."""

    code = "ins-key-wrong"
    french = "La clé de cet INS ne correspond pas à son numéro : il est mal saisi ou inventé."


class InvalidTraitsError(InvalidError):
    """Strict traits: names not blank, birth date as YYYY-MM-DD, birth place as a COG code of 5 characters."""

    code = "traits-invalid"
    french = (
        "Traits stricts : noms non vides, date de naissance AAAA-MM-JJ, lieu de naissance en code COG de 5 caractères."
    )


class InvalidNationalIdError(InvalidError):
    """A national id (PS_IdNat, Struct_IdNat) starts with a digit, its kind, and has 3 to 100 characters, no blank."""

    code = "national-id-invalid"
    french = "Un identifiant national commence par un chiffre et compte 3 à 100 caractères, sans blanc."


class RedactedRepr:
    """Base of values whose repr() shows only the name of their type."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


@dataclass(frozen=True, slots=True, repr=False)
class Ins(RedactedRepr):
    """The national health identity number: 15 characters (13 and the key) and the OID of its numbering system."""

    matricule: str
    oid: str

    @classmethod
    def parse(cls, text: str, system: str) -> Self:
        """Returns the INS that a text (blanks allowed) means under an OID or `urn:oid:` URI.

        Raises UnknownInsSystemError, or InvalidInsError when the structure is wrong. The key is not checked: see
        check_key.
        """
        oid = system.removeprefix("urn:oid:")
        if oid not in oids.INS_OIDS:
            raise UnknownInsSystemError
        matricule = "".join(without_invisible(text).split()).upper()
        is_nir = oid != oids.INS_NIA and _NIR.fullmatch(matricule)
        if not (is_nir or (oid in oids.INS_NIA_OIDS and _NIA.fullmatch(matricule))):
            raise InvalidInsError
        return cls(matricule, oid)

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Returns the INS of a FHIR search token, `urn:oid:1.2.250.1.213.1.4.8|<15 characters>`. Raises
        InvalidInsError."""
        system, separator, value = token.partition("|")
        if not separator:
            raise InvalidInsError
        return cls.parse(value, system)

    @property
    def system(self) -> str:
        """The OID as a FHIR identifier system."""
        return f"urn:oid:{self.oid}"

    @property
    def is_test(self) -> bool:
        """Whether the OID is one of those for tests and demonstrations."""
        return self.oid in oids.INS_TEST_OIDS


def ins_key(number: str) -> str:
    """Returns the key for the first 13 characters: 97 - N mod 97, with 2A read as 19 and 2B as 18 (RNIPP)."""
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return f"{97 - int(digits) % 97:02d}"


def check_key(ins: Ins, lenient_test_oids: bool = False) -> None:
    """Raises WrongInsKeyError when the key does not fit the number.

    Many official test numbers have wrong keys. `lenient_test_oids` accepts a wrong key under a test OID, never under a
    production OID.
    """
    if ins_key(ins.matricule) != ins.matricule[13:] and not (lenient_test_oids and ins.is_test):
        raise WrongInsKeyError


def national_professional_id(text: str) -> NationalProfessionalId:
    """Returns the text as a PS_IdNat after a light check of its form. Raises InvalidNationalIdError."""
    return NationalProfessionalId(_national_id(text))


def national_structure_id(text: str) -> NationalStructureId:
    """Returns the text as a Struct_IdNat after a light check of its form. Raises InvalidNationalIdError."""
    return NationalStructureId(_national_id(text))


def _national_id(text: str) -> str:
    stripped = text.strip()
    if _NATIONAL_ID.fullmatch(stripped) is None:
        raise InvalidNationalIdError
    return stripped


_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d{0,38})){1,40}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EXTENSION = re.compile(r"[!-~]{1,128}")


def document_id(root: str, extension: str | None = None) -> str | None:
    """Returns a document's identifier in canonical form (CDA ClinicalDocument/id, XDS uniqueId, FHIR masterIdentifier).

    The form is `urn:oid:1.2.3` or `urn:uuid:<lower case>`, followed by `^extension` when there is one. Returns None
    when the root is neither an OID nor a UUID, or when the extension has blanks or more than 128 characters.
    """
    if extension is not None and _EXTENSION.fullmatch(extension) is None:
        return None
    suffix = "" if extension is None else f"^{extension}"
    if _UUID.fullmatch(root.lower()):
        return f"urn:uuid:{root.lower()}{suffix}"
    return f"urn:oid:{root}{suffix}" if _OID.fullmatch(root) else None


class Sex(StrEnum):
    """Administrative sex, with the codes of FHIR."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, code: str | None) -> "Sex | None":
        """Returns the sex for a code of FHIR (male, female, other, unknown), CDA or HL7 v2 (M, F, UN, U, O); None
        for others."""
        return _SEXES.get(code.upper()) if code else None


_SEXES = {
    "MALE": Sex.MALE,
    "M": Sex.MALE,
    "FEMALE": Sex.FEMALE,
    "F": Sex.FEMALE,
    "OTHER": Sex.UNKNOWN,
    "UNKNOWN": Sex.UNKNOWN,
    "UN": Sex.UNKNOWN,
    "U": Sex.UNKNOWN,
    "O": Sex.UNKNOWN,
}


@dataclass(frozen=True, slots=True, repr=False)
class SentTraits(RedactedRepr):
    """Strict traits that a document states. A trait that is absent is not compared. Raises InvalidTraitsError."""

    birth_name: str | None = None
    given_name: str | None = None
    birth_date: str | None = None
    sex: Sex | None = None
    birth_place: str | None = None

    def __post_init__(self) -> None:
        for name in (self.birth_name, self.given_name):
            if name is not None and not _begins_with_letter(name) and not normalise_name(name):
                raise InvalidTraitsError
        if self.birth_date is not None and not is_day(self.birth_date):
            raise InvalidTraitsError
        if self.birth_place is not None and _COG.fullmatch(self.birth_place) is None:
            raise InvalidTraitsError

    def normalised(self) -> dict[str, str]:
        """Returns the traits that are present, by name, in the normal form that is compared."""
        present = {"birth_name": _normal(self.birth_name), "given_name": _normal(self.given_name)}
        present |= {"birth_date": self.birth_date, "sex": self.sex and self.sex.value, "birth_place": self.birth_place}
        return {name: value for name, value in present.items() if value}

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))


@dataclass(frozen=True, slots=True, repr=False)
class StrictTraits(SentTraits):
    """Strict traits with which a record is opened: both names are required. Raises InvalidTraitsError."""

    def __post_init__(self) -> None:
        if self.birth_name is None or self.given_name is None:
            raise InvalidTraitsError
        SentTraits.__post_init__(self)


def is_day(text: str) -> bool:
    """Whether the text is a calendar day written YYYY-MM-DD."""
    if _DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_cog(text: str) -> bool:
    """Whether the text has the form of an INSEE commune code (COG): 5 characters, 2A or 2B too."""
    return _COG.fullmatch(text) is not None


def first_given_name(qualified: str | None, unqualified: str | None) -> str | None:
    """Returns the first birth given name: the one qualified as birth name, else the first word of the unqualified
    names."""
    if qualified and qualified.strip():
        return qualified.strip()
    words = unqualified.split() if unqualified else []
    return words[0] if words else None


# Letters without a Unicode decomposition, in the transcription of the INS rules.
_LETTERS = str.maketrans(
    dict(zip("ĐÐƉØŁȽĦŦƗƵɄǤɌɎȺȻɆɈŊɃꝀ", "DDDOLLHTIZUGRYACEJNBK", strict=True))
    | {"Œ": "OE", "Æ": "AE", "Þ": "TH", "ẞ": "SS"}
)
# Apostrophes as people type them, among them the okina and the saltillo of Polynesia.
_SEPARATORS = re.compile(r"[\s'’‘‛ʻʼʽʾʿˈˊˋꞌꞋ´`′‵ʹ＇\-‐‑‒–—―−﹣－_]+")


def normalise_name(name: str) -> str:
    """Returns the name in upper case, without diacritics, with one blank for each run of hyphens, apostrophes and
    blanks."""
    if name.isascii():
        return _SEPARATORS.sub(" ", name.upper()).strip()
    upper = unicodedata.normalize("NFKD", without_invisible(name)).upper().translate(_LETTERS)
    decomposed = unicodedata.normalize("NFKD", upper)
    plain = "".join([letter for letter in decomposed if not unicodedata.combining(letter)])
    return _SEPARATORS.sub(" ", plain).strip()


def _begins_with_letter(name: str) -> bool:
    """Whether the name begins with an ASCII letter, so that it cannot be blank: a quick check that most names pass."""
    return name[:1].isascii() and name[:1].isalpha()


def _normal(name: str | None) -> str | None:
    return normalise_name(name) if name is not None else None
