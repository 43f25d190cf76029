"""A medicine of the public files, its substances, and the ATC codes by which tables know them."""

import re
from collections.abc import Sequence
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


def common_substances(medicines: Sequence[tuple[MedicineSubstance, ...]]) -> tuple[MedicineSubstance, ...]:
    """Returns the substances of all these medicines of one ATC code; none where they do not have the same ones.

    Medicines of one substance have the same by the code's definition, whatever their salts. Of combinations, each
    substance has a code in common with one of every other medicine.
    """
    first, *others = medicines or [()]
    if all(len(substances) == 1 for substances in medicines):
        return (_united([substance for substances in medicines for substance in substances]),)
    united = []
    for substance in first:
        same = [other for substances in others for other in substances if not substance.codes.isdisjoint(other.codes)]
        if len(same) < len(others):
            return ()
        united.append(_united([substance, *same]))
    return tuple(united) if all(len(substances) == len(first) for substances in others) else ()


def _united(substances: Sequence[MedicineSubstance]) -> MedicineSubstance:
    return MedicineSubstance(
        frozenset().union(*(substance.codes for substance in substances)),
        frozenset().union(*(substance.names for substance in substances)),
    )
