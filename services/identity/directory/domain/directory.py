"""Entries of the public directory: professionals and structures, with the checks of their fields."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.identity.directory.domain.kinds import OccupationalMedicine
from shared.contracts.base import CODE_PATTERN
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.errors import InvalidError, NotFoundError
from shared.national_ids import HolderKind, NationalIdAmbiguousError, full_ids
from shared.terminology.professions import profession, professions
from shared.values import InvalidNationalIdError, national_professional_id, national_structure_id

DirectoryStatus = Literal["active", "inactive"]
_CODE = re.compile(CODE_PATTERN)
_LONGEST_ID = 64
_PRODUCERS = "TRE_A00"


class ProfessionUnknownError(InvalidError):
    """The profession is a code of JDV_J65: `G15_10` (table and code), or `10` for a health profession of TRE_G15."""

    code = "profession-unknown"
    french = "La profession est un code de JDV_J65 : G15_10, ou 10 pour une profession de santé de TRE_G15."


class StructureUnknownError(InvalidError):
    """A structure named here is not in the directory. Enter it first: PUT /structures/{structure_id}."""

    code = "structure-unknown"
    french = "Une structure citée ici n’est pas dans l’annuaire. Saisissez-la d’abord."


class ProfessionalUnknownError(NotFoundError):
    """There is no active professional with this id in the directory."""

    code = "professional-unknown"
    french = "Aucun professionnel actif n’a cet identifiant dans l’annuaire."


class SpecialtyInvalidError(InvalidError):
    """A specialty is a code of savoir-faire, such as SM26: letters, digits, dot, dash, at most 64 characters."""

    code = "specialty-invalid"
    french = "Une spécialité est un code de savoir-faire, comme SM26 : 64 lettres, chiffres, points ou tirets au plus."


class ActingStructureError(InvalidError):
    """Give the organisation_id of one of the professional's active structures in the directory."""

    code = "acting-structure-needed"
    french = "Donnez l’organisation_id d’une des structures actives du professionnel dans l’annuaire."


@dataclass(frozen=True, slots=True)
class Professional:
    """A professional's entry, without its version. `specialties`: codes of savoir-faire (TRE_R01, TRE_R38 ...)."""

    id: str
    name: str
    profession: str
    status: DirectoryStatus
    structure_ids: tuple[str, ...]
    specialties: tuple[str, ...] = ()

    def as_event(self, version: int) -> ProfessionalChanged:
        """Returns the event that announces the entry at this version."""
        return ProfessionalChanged(
            professional_id=self.id,
            version=version,
            name=self.name,
            profession=self.profession,
            status=self.status,
            structure_ids=self.structure_ids,
            specialties=self.specialties,
        )


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure's entry, without its version. `sector`: a code of TRE_R02, or None if unknown."""

    id: str
    name: str
    status: DirectoryStatus
    sector: str | None = None

    def as_event(self, version: int) -> StructureChanged:
        """Returns the event that announces the entry at this version."""
        return StructureChanged(structure_id=self.id, version=version, name=self.name, status=self.status)


def professional_id(text: str) -> str:
    """Returns the full PS_IdNat, as events carry it. Raises InvalidNationalIdError."""
    return _as_code(national_professional_id(_full_id(text, "professional")))


def structure_id(text: str) -> str:
    """Returns the full Struct_IdNat, as events carry it. Raises InvalidNationalIdError."""
    return _as_code(national_structure_id(_full_id(text, "structure")))


def profession_code(text: str) -> str:
    """Returns `<table>_<code>`, which identifies one profession (10 alone could mean a doctor or a doctor in training).

    Raises ProfessionUnknownError, also for codes of TRE_A00, which name document producers and no professionals.
    """
    if profession(text) is not None:
        return f"G15_{text}"
    table, _, number = text.partition("_")
    if f"TRE_{table}" == _PRODUCERS or (f"TRE_{table}", number) not in professions():
        raise ProfessionUnknownError
    return text


def specialty_code(text: str) -> str:
    """Returns the checked code of a savoir-faire. Raises SpecialtyInvalidError."""
    if len(text) > _LONGEST_ID or _CODE.fullmatch(text) is None:
        raise SpecialtyInvalidError
    return text


def acting_structure(active: Sequence[str], stated: str | None) -> str | None:
    """Returns the structure for which a professional acts: the stated one, else the only active one, else None.

    Raises ActingStructureError when the stated structure is not active, or several are active and none is stated.
    """
    if stated is not None and stated not in active:
        raise ActingStructureError
    if stated is None and len(active) > 1:
        raise ActingStructureError
    return stated or next(iter(active), None)


def _full_id(text: str, kind: HolderKind) -> str:
    """Returns the identifier with its type digit, so that rights stated with full identifiers apply. Internal
    identifiers are unchanged. Raises NationalIdAmbiguousError where the number could have several types."""
    possible = full_ids(text, kind)
    if len(possible) > 1 and text.strip() not in possible:
        raise NationalIdAmbiguousError
    return possible[0] if len(possible) == 1 else text


def _as_code(identifier: str) -> str:
    if len(identifier) > _LONGEST_ID or _CODE.fullmatch(identifier) is None:
        raise InvalidNationalIdError
    return identifier


@dataclass(frozen=True, slots=True)
class DirectoryRules:
    """The parameters of the directory. `occupational_medicine`: the national parameter."""

    occupational_medicine: OccupationalMedicine = "never"
