"""Versions of the national matrix: which may be activated, and what a version changes for which profession. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.contracts.consent import MatrixChanged
from shared.errors import ConflictError, InvalidError, NotFoundError
from shared.terminology.documents import document_types
from shared.terminology.matrix import Cell, Matrix, Stated, read_stated
from shared.terminology.professions import role_codes

_STATED_CELLS: Final[tuple[Cell, ...]] = ("allowed", "denied", "allowed-by-default")
_ALLOWED: Final = frozenset({"allowed", "allowed-by-default"})


@dataclass(frozen=True, slots=True)
class MatricesRules:
    """`notice`: the greatest age of a copy. A version comes into force this long after its activation at the earliest:
    at that date every service knows the date, or knows that its copies are too old."""

    notice: timedelta


class MatrixUnknownError(NotFoundError):
    """There is no matrix of this name. Import it first, or look at the list."""

    code = "matrix-unknown"
    french = "Aucune matrice de ce nom ici. Importez-la d’abord, ou consultez la liste."


class MatrixFileUnknownError(NotFoundError):
    """The file of this version was not kept when it was imported."""

    code = "matrix-file-unknown"
    french = "Le fichier de cette version n’a pas été conservé à son importation."


class MatrixNameTakenError(ConflictError):
    """A matrix of this name exists with other cells. A version never changes: give the new one a name of its own, such
    as the date of its decree."""

    code = "matrix-name-taken"
    french = "Une matrice de ce nom existe avec d’autres cellules. Donnez un autre nom à la nouvelle version."


class MatrixInForceError(ConflictError):
    """This matrix is in force, or will be too soon for its date to be moved: decisions rest on it. Import a new version
    instead."""

    code = "matrix-in-force"
    french = (
        "Cette matrice est en vigueur, ou le sera trop tôt pour que sa date soit déplacée : des décisions reposent sur "
        "elle. Importez une nouvelle version."
    )


class ActivationInvalidError(InvalidError):
    """A matrix comes into force when every service is sure to know its date: some minutes from now, or later. Leave the
    date out for the earliest."""

    code = "activation-invalid"
    french = (
        "Une matrice entre en vigueur quand chaque service en connaît sûrement la date : dans quelques minutes, ou "
        "plus tard. Sans date, c’est au plus tôt."
    )


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """A stored version of the matrix. `version` counts its announcements; it is 0 for a packaged one, which nobody
    imported.

    `text` and `imported_by` are None for versions that were imported before these were kept.
    """

    matrix: Matrix
    version: int
    text: str | None
    imported_at: datetime | None = None
    imported_by: str | None = None
    activated_at: datetime | None = None
    activated_by: str | None = None

    @property
    def stated(self) -> dict[str, dict[str, Stated]] | None:
        """Returns each cell with its source, by profession and document type; None without the file."""
        return None if self.text is None else read_stated(self.text)

    def has_same_cells(self, other: "StoredMatrix") -> bool:
        """Whether both have the same cells, and the same sources as far as they are known."""
        if self.text is None or other.text is None:
            return all(self.matrix.listed(cell) == other.matrix.listed(cell) for cell in _STATED_CELLS)
        return self.stated == other.stated

    def as_event(self) -> MatrixChanged:
        """Returns the event that announces this version to the other services."""
        matrix = self.matrix
        return MatrixChanged(
            name=matrix.name,
            version=self.version,
            active_from=matrix.active_from,
            allowed=matrix.listed("allowed"),
            denied=matrix.listed("denied"),
            allowed_by_default=matrix.listed("allowed-by-default"),
        )


@dataclass(frozen=True, slots=True)
class ProfessionDifference:
    """The document types that one profession may read after a change, or may no longer read."""

    profession: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]


def check_activation(matrix: Matrix, active_from: datetime, earliest: datetime) -> None:
    """Checks the date on which a version comes into force. `earliest`: from then on, every service that does not know
    the date knows that its copies are too old.

    Raises MatrixInForceError, ActivationInvalidError.
    """
    if matrix.active_from is not None and matrix.active_from < earliest:
        raise MatrixInForceError
    if active_from < earliest:
        raise ActivationInvalidError


def differences_between(before: Matrix | None, after: Matrix) -> tuple[ProfessionDifference, ...]:
    """Returns what changes for each profession; a cell whose source alone changes is no difference."""
    differences = (_difference_for(before, after, profession) for profession in sorted(role_codes()))
    return tuple(difference for difference in differences if difference.opens or difference.closes)


def _difference_for(before: Matrix | None, after: Matrix, profession: str) -> ProfessionDifference:
    allowed_before = {
        document_type
        for document_type in document_types()
        if before is not None and before.cell(profession, document_type) in _ALLOWED
    }
    allowed_after = {
        document_type for document_type in document_types() if after.cell(profession, document_type) in _ALLOWED
    }
    return ProfessionDifference(
        profession, tuple(sorted(allowed_after - allowed_before)), tuple(sorted(allowed_before - allowed_after))
    )


def find_version(versions: Iterable[StoredMatrix], name: str) -> StoredMatrix:
    """Returns the version with this name. Raises MatrixUnknownError."""
    for version in versions:
        if version.matrix.name == name:
            return version
    raise MatrixUnknownError
