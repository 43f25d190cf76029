"""A person's details besides the INS and the strict traits: used names, identity status, regime, region.

Source of the statuses: Référentiel national d'identitovigilance (RNIV 1, section 3.3); of the regions: INSEE, Code
officiel géographique.
"""

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import orjson

from shared.errors import ConflictError, InvalidError
from shared.human_text import clean_line, has_control_character
from shared.values import Ins, RedactedRepr, Sex, StrictTraits

# The regions, the overseas collectivities by their department, and 99: abroad.
REGIONS = frozenset(
    (
        *("11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94"),
        *("01", "02", "03", "04", "06", "975", "977", "978", "986", "987", "988", "99"),
    )
)
_REGIME = re.compile(r"[0-9]{2}")
_MAX_NAME_LENGTH = 100
_TRAITS = tuple(field.name for field in fields(StrictTraits))
MAJORITY_YEARS = 18
"""The age of majority (Code civil, article 414)."""


class IdentityStatusUnknownError(InvalidError):
    """The status of an identity is provisional, retrieved, validated or qualified."""

    code = "identity-status-unknown"
    french = "Le statut d’une identité est provisional, retrieved, validated ou qualified."


class IdentityNotQualifiedError(ConflictError):
    """An INS may be shared for a qualified identity only: one retrieved from the national base and checked on an
    identity document."""

    code = "identity-not-qualified"
    french = (
        "Le matricule INS ne peut être partagé que pour une identité qualifiée : récupérée auprès de la base "
        "nationale, et vérifiée sur une pièce d’identité."
    )


class RegimeInvalidError(InvalidError):
    """A regime of health insurance is a code of two digits, such as 01 for the general regime."""

    code = "regime-invalid"
    french = "Un régime d’assurance maladie est un code de deux chiffres, par exemple 01 pour le régime général."


class RegionUnknownError(InvalidError):
    """A region is the INSEE code of a French region (11, 84 ...), an overseas collectivity (987 ...), or 99: abroad."""

    code = "region-unknown"
    french = "Une région est le code INSEE d’une région française, d’une collectivité d’outre-mer, ou 99 : étranger."


class UsedNamesInvalidError(InvalidError):
    """A used name is not blank, has no control characters and at most 100 characters."""

    code = "used-names-invalid"
    french = "Un nom utilisé n’est pas vide, n’a pas de caractère de contrôle et compte au plus 100 caractères."


class IdentityStatus(StrEnum):
    """The reliability with which an identity was established (RNIV)."""

    PROVISIONAL = "provisional"
    RETRIEVED = "retrieved"
    VALIDATED = "validated"
    QUALIFIED = "qualified"

    @property
    def may_share_ins(self) -> bool:
        """Returns whether the national base has number and traits, and a document of high confidence confirmed them."""
        return self is IdentityStatus.QUALIFIED

    @classmethod
    def of(cls, text: str) -> "IdentityStatus":
        """Returns the status. Raises IdentityStatusUnknownError."""
        try:
            return cls(text)
        except ValueError:
            raise IdentityStatusUnknownError from None


@dataclass(frozen=True, slots=True, repr=False)
class UsedNames(RedactedRepr):
    """The names that a person uses in daily life, if other than the birth names. Raises UsedNamesInvalidError."""

    family_name: str | None = None
    given_name: str | None = None

    def __post_init__(self) -> None:
        for name in (self.family_name, self.given_name):
            if name is not None and not _is_used_name(name):
                raise UsedNamesInvalidError


def _is_used_name(name: str) -> bool:
    return bool(clean_line(name)) and len(name) <= _MAX_NAME_LENGTH and not has_control_character(name)


NO_USED_NAMES = UsedNames()
"""The used names of a person who uses the birth names."""


@dataclass(frozen=True, slots=True, repr=False)
class Person(RedactedRepr):
    """An insured person: the number, the strict traits and further details.

    `regime` and `region` are codes. Records opened before the status was stored were opened for a
    qualified identity.
    """

    ins: Ins
    traits: StrictTraits
    used: UsedNames = NO_USED_NAMES
    status: IdentityStatus = IdentityStatus.QUALIFIED
    regime: str | None = None
    region: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the content of `as_json`, without unknown values."""
        traits = self.traits
        optional = {"used": [self.used.family_name, self.used.given_name], "regime": self.regime, "region": self.region}
        return {
            "ins": [self.ins.matricule, self.ins.oid],
            "traits": {name: getattr(traits, name) for name in _TRAITS},
            "status": self.status,
            **{name: value for name, value in optional.items() if value not in (None, [None, None])},
        }

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed for storage."""
        return orjson.dumps(self.as_dict())

    @classmethod
    def from_json(cls, data: bytes) -> "Person":
        """Returns the person that `as_json` encoded, in this or an earlier version."""
        document = orjson.loads(data)
        traits = {**document["traits"], "sex": Sex(document["traits"]["sex"])}
        return cls(
            Ins(*document["ins"]),
            StrictTraits(**traits),
            UsedNames(*document.get("used", ())),
            IdentityStatus(document.get("status", IdentityStatus.QUALIFIED)),
            document.get("regime"),
            document.get("region"),
        )


def check_may_share_ins(status: IdentityStatus) -> None:
    """Checks that the INS of this identity may be shared. Raises IdentityNotQualifiedError."""
    if not status.may_share_ins:
        raise IdentityNotQualifiedError


def regime_code(text: str) -> str:
    """Returns the checked code of two digits. Raises RegimeInvalidError."""
    if _REGIME.fullmatch(text) is None:
        raise RegimeInvalidError
    return text


def region_code(text: str) -> str:
    """Returns the checked code of REGIONS. Raises RegionUnknownError."""
    if text not in REGIONS:
        raise RegionUnknownError
    return text


@dataclass(frozen=True, slots=True)
class PersonRules:
    """The parameters of persons. `test_nir_keys`: whether the keys of test numbers are accepted unchecked."""

    test_nir_keys: bool = False


def coming_of_age(born: date) -> date:
    """Returns the 18th birthday; for a birth on 29 February, 1 March in other than leap years."""
    year = born.year + MAJORITY_YEARS
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def is_minor(born: date, at: datetime | date) -> bool:
    """Returns whether a person born on that day is under age; a moment counts by its day in UTC."""
    day = at.astimezone(UTC).date() if isinstance(at, datetime) else at
    return day < coming_of_age(born)
