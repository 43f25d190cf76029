"""The national matrix (matrice d'habilitation): which profession reads which type of document, by version.

Arrêté of 26 October 2023 (JO of 29 October 2023), read rights only. A version is data: cells with their answer and its
source. A profession or type without a cell is denied by default. Packaged versions: data/matrices.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from shared.errors import InvalidError
from shared.terminology.documents import document_types
from shared.terminology.professions import role_codes

Cell = Literal["allowed", "denied", "allowed-by-default", "denied-by-default", "unknown"]
Stated = tuple[str, str]
"""An answer, and its source: decree, court or default."""
Listed = Mapping[str, Iterable[str]]
"""Profession -> types."""

COLUMNS: Final = ("profession", "type", "answer", "status")
SOURCES: Final = ("decree", "court", "default")
"""The possible sources of a cell: the column `status`."""
_CELLS: Final[Mapping[tuple[str, str], Cell]] = {
    ("allowed", "decree"): "allowed",
    ("allowed", "court"): "allowed",
    ("denied", "decree"): "denied",
    ("denied", "court"): "denied",
    ("allowed", "default"): "allowed-by-default",
    ("denied", "default"): "denied-by-default",
}
_IN_FORCE_SINCE: Final = {"2023-10-26": datetime(2023, 10, 30, tzinfo=UTC)}
"""Packaged versions, and when each comes into force: the day after its publication."""


class MatrixInvalidError(InvalidError):
    """A matrix is a CSV with the columns profession (G15_10), type (a code of JDV_J66), answer (allowed or denied) and
    status (decree, court or default), each profession and type once, and at least one."""

    code = "matrix-invalid"
    french = (
        "Une matrice est un CSV aux colonnes profession, type, answer et status, chaque profession et type une fois, "
        "et au moins une ligne."
    )


@dataclass(frozen=True, slots=True)
class Matrix:
    """One version. `cells`: profession -> type -> cell. `active_from` None: stored, but not activated."""

    name: str
    active_from: datetime | None
    cells: Mapping[str, Mapping[str, Cell]]

    def cell(self, profession: str | None, document_type: str | None) -> Cell:
        """Returns the cell; `unknown` for a profession outside JDV_J65 or a type outside JDV_J66."""
        if profession not in role_codes() or document_type not in document_types():
            return "unknown"
        return self.cells.get(profession, {}).get(document_type, "denied-by-default")

    def listed(self, cell: Cell) -> dict[str, tuple[str, ...]]:
        """Returns profession -> types with this cell, sorted."""
        types_of = {
            profession: tuple(sorted(t for t, c in types.items() if c == cell))
            for profession, types in self.cells.items()
        }
        return {profession: types for profession, types in sorted(types_of.items()) if types}


def matrix_of(
    name: str, active_from: datetime | None, allowed: Listed, denied: Listed, allowed_by_default: Listed
) -> Matrix:
    """Returns a version from the lists of its event."""
    cells: dict[str, dict[str, Cell]] = {}
    listed: tuple[tuple[Cell, Listed], ...] = (
        ("allowed", allowed),
        ("denied", denied),
        ("allowed-by-default", allowed_by_default),
    )
    for cell, professions in listed:
        for profession, types in professions.items():
            cells.setdefault(profession, {}).update(dict.fromkeys(types, cell))
    return Matrix(name, active_from, cells)


def read_stated(text: str) -> dict[str, dict[str, Stated]]:
    """Returns the statements of a version's CSV by profession and type. Raises MatrixInvalidError with the line."""
    reader = csv.reader(text.splitlines())
    stated: dict[str, dict[str, Stated]] = {}
    try:
        if tuple(next(reader, ())) != COLUMNS:
            raise MatrixInvalidError
        for row in reader:
            if row and not _is_added(stated, row):
                raise MatrixInvalidError(f"Line {reader.line_num} of the matrix: {MatrixInvalidError.__doc__}")
    except csv.Error as error:
        raise MatrixInvalidError(f"Line {reader.line_num} of the matrix: {MatrixInvalidError.__doc__}") from error
    if not stated:
        raise MatrixInvalidError
    return stated


def _is_added(stated: dict[str, dict[str, Stated]], row: Sequence[str]) -> bool:
    if len(row) != len(COLUMNS):
        return False
    profession, document_type, answer, source = row
    of_profession = stated.setdefault(profession, {})
    is_known = profession in role_codes() and document_type in document_types() and (answer, source) in _CELLS
    if not is_known or document_type in of_profession:
        return False
    of_profession[document_type] = (answer, source)
    return True


def read_matrix(name: str, text: str, active_from: datetime | None = None) -> Matrix:
    """Returns a version from its CSV. Raises MatrixInvalidError, which names the line."""
    stated = read_stated(text)
    cells = {profession: {code: _CELLS[cell] for code, cell in types.items()} for profession, types in stated.items()}
    return Matrix(name, active_from, cells)


@cache
def packaged() -> tuple[Matrix, ...]:
    """Returns the versions that are packaged with every service, oldest first."""
    return tuple(read_matrix(name, packaged_text(name), since) for name, since in _IN_FORCE_SINCE.items())


def packaged_text(name: str) -> str:
    """Returns the CSV of a packaged version."""
    folder = files("shared.terminology") / "data" / "matrices"
    return (folder / f"{name}.csv").read_text(encoding="utf-8")


def in_force(matrices: Iterable[Matrix], now: datetime) -> Matrix | None:
    """Returns the activated version with the latest date that has passed, or None."""
    active = [
        (matrix.active_from, matrix.name, matrix)
        for matrix in matrices
        if matrix.active_from and matrix.active_from <= now
    ]
    return max(active, key=lambda candidate: candidate[:2])[2] if active else None
