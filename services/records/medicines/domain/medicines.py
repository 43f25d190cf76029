"""A medicine of the public files, its substances, and the ATC codes by which tables know them."""

import re
from dataclasses import dataclass, field
from typing import Final

_ATC: Final = re.compile(r"[A-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?", re.ASCII)
SUBSTANCE_LEVEL: Final = 7
"""Characters of an ATC code that names a substance; shorter ones name a class."""


@dataclass(frozen=True, slots=True)
class MedicineSubstance:
    """An active substance. `codes`: of the public files; the active moiety's beside that of its salt.

    `names`: in the forms of `names_of_substance`.
    """

    codes: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine by its CIS code. `atc`: those that the public files have, which is not all medicines'."""

    cis: str
    name: str
    substances: tuple[MedicineSubstance, ...] = ()
    atc: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KnownMedicines:
    """What the public files say about the codes of a request.

    `by_code`: medicines by CIS, CIP7 or CIP13. `by_atc`: the substances that a full ATC code means, where all medicines
    with that code have the same ones.
    """

    by_code: dict[str, Medicine] = field(default_factory=dict)
    by_atc: dict[str, tuple[MedicineSubstance, ...]] = field(default_factory=dict)


def is_atc(code: str) -> bool:
    """Whether this has the form of an ATC code, of a class or a substance."""
    return _ATC.fullmatch(code) is not None


def is_atc_substance(code: str) -> bool:
    """Whether this is an ATC code of the level that names a substance."""
    return len(code) == SUBSTANCE_LEVEL and is_atc(code)
