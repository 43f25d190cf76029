"""Lines of the public medicine files (base de données publique des médicaments): fields between tabs, without a header.

Source: the published description of the files (ANSM, HAS, UNCAM): CIS_bdpm, CIS_CIP_bdpm, CIS_COMPO_bdpm, CIS_MITM.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from services.records.medicines.domain.medicines import is_atc
from shared.errors import CodedError

_CIS: Final = re.compile(r"\d{8}", re.ASCII)
_CIP7: Final = re.compile(r"\d{7}", re.ASCII)
_CIP13: Final = re.compile(r"\d{13}", re.ASCII)
_SUBSTANCE: Final = re.compile(r"\d{1,8}", re.ASCII)
_LINK: Final = re.compile(r"\d{1,5}", re.ASCII)
_LONGEST: Final = 500

FileKind = Literal["medicines", "packages", "substances", "classes"]


class MedicineLineError(CodedError):
    """A line that cannot be taken; `reason`: a code that says why."""

    code = "line-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class MedicineLine:
    """CIS_bdpm: a medicine and its name."""

    cis: str
    name: str


@dataclass(frozen=True, slots=True)
class PackageLine:
    """CIS_CIP_bdpm: a package of a medicine, by its codes."""

    cis: str
    cips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubstanceLine:
    """CIS_COMPO_bdpm: a substance of a medicine. `link`: salt and active moiety of one ingredient have the same."""

    cis: str
    code: str
    name: str
    is_moiety: bool
    link: int


@dataclass(frozen=True, slots=True)
class ClassLine:
    """CIS_MITM: the ATC code of a medicine of major therapeutic interest."""

    cis: str
    atc: str


PublicLine = MedicineLine | PackageLine | SubstanceLine | ClassLine


def kind_of_file(name: str) -> FileKind | None:
    """Returns which of the files this is, by its published name, whatever stands around it; None for another."""
    lowered = name.lower()
    for stem, kind in _STEMS:
        if stem in lowered:
            return kind
    return None


def parse_line(kind: FileKind, line: str) -> PublicLine:
    """Returns a line. Raises MedicineLineError."""
    fields = [part.strip() for part in line.split("\t")]
    if _CIS.fullmatch(fields[0]) is None:
        raise MedicineLineError("cis-invalid")
    return _PARSERS[kind](fields)


def _medicine(fields: Sequence[str]) -> MedicineLine:
    return MedicineLine(fields[0], _text(fields, 1))


def _package(fields: Sequence[str]) -> PackageLine:
    if len(fields) < 7:
        raise MedicineLineError("fields-missing")
    cips = [fields[1]] if _CIP7.fullmatch(fields[1]) else []
    if _CIP13.fullmatch(fields[6]):
        cips.append(fields[6])
    if not cips:
        raise MedicineLineError("cip-invalid")
    return PackageLine(fields[0], tuple(cips))


def _substance(fields: Sequence[str]) -> SubstanceLine:
    if len(fields) < 8:
        raise MedicineLineError("fields-missing")
    if _SUBSTANCE.fullmatch(fields[2]) is None:
        raise MedicineLineError("substance-invalid")
    if fields[6] not in ("SA", "FT"):
        raise MedicineLineError("nature-unknown")
    if _LINK.fullmatch(fields[7]) is None:
        raise MedicineLineError("link-invalid")
    return SubstanceLine(fields[0], fields[2], _text(fields, 3), fields[6] == "FT", int(fields[7]))


def _class(fields: Sequence[str]) -> ClassLine:
    if len(fields) < 2:
        raise MedicineLineError("fields-missing")
    if not is_atc(fields[1].upper()):
        raise MedicineLineError("atc-invalid")
    return ClassLine(fields[0], fields[1].upper())


def _text(fields: Sequence[str], number: int) -> str:
    if len(fields) <= number or not fields[number]:
        raise MedicineLineError("fields-missing")
    if len(fields[number]) > _LONGEST:
        raise MedicineLineError("name-too-long")
    return fields[number]


_PARSERS: Final[dict[FileKind, Callable[[Sequence[str]], PublicLine]]] = {
    "medicines": _medicine,
    "packages": _package,
    "substances": _substance,
    "classes": _class,
}
_STEMS: Final[tuple[tuple[str, FileKind], ...]] = (
    ("cis_cip_bdpm", "packages"),
    ("cis_compo_bdpm", "substances"),
    ("cis_mitm", "classes"),
    ("cis_bdpm", "medicines"),
)
