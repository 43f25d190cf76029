"""Versions of the national matrix: which may be activated, and what a version changes for whom. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.contracts.consent import MatrixChanged
from shared.errors import ConflictError, InvalidError, NotFoundError
from shared.terminology.documents import document_types
from shared.terminology.matrix import Cell, Matrix, Stated, read_stated
from shared.terminology.professions import role_codes

_TOLD: Final[tuple[Cell, ...]] = ("allowed", "denied", "allowed-by-default")
_ALLOWED: Final = frozenset({"allowed", "allowed-by-default"})


class MatrixUnknownError(NotFoundError):
    """There is no matrix of this name here. Import it first, or look at the list."""

    code = "matrix-unknown"
    french = "Aucune matrice de ce nom ici. Importez-la d’abord, ou consultez la liste."


class MatrixFileUnknownError(NotFoundError):
    """The file of this version was not kept when it was imported."""

    code = "matrix-file-unknown"
    french = "Le fichier de cette version n’a pas été conservé à son importation."


class MatrixNameTakenError(ConflictError):
    """A matrix of this name is known with other cells. A version is never changed: give the new one a name of its own,
    such as the date of its decree."""

    code = "matrix-name-taken"
    french = "Une matrice de ce nom existe avec d’autres cellules. Donnez un autre nom à la nouvelle version."


class MatrixInForceError(ConflictError):
    """This matrix is in force, or so soon that its date cannot be moved: decisions rest on it. Import a new version
    instead."""

    code = "matrix-in-force"
    french = (
        "Cette matrice est en vigueur, ou le sera trop tôt pour que sa date soit déplacée : des décisions reposent sur "
        "elle. Importez une nouvelle version."
    )


class ActivationInvalidError(InvalidError):
    """A matrix comes into force when every service is sure to know its date: some minutes from now, or later. Leave
    the date out for the earliest."""

    code = "activation-invalid"
    french = (
        "Une matrice entre en vigueur quand chaque service en connaît sûrement la date : dans quelques minutes, ou "
        "plus tard. Sans date, c’est au plus tôt."
    )


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """A version as it is kept here; `version` counts what was told of it: 0 of a packaged one, which nobody imported.

    `text`: the file as it was imported; None, as who did it, where that was before it was kept.
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
        """Each cell with where it comes from."""
        return None if self.text is None else read_stated(self.text)

    def says_the_same(self, other: "StoredMatrix") -> bool:
        """Whether it has the same cells, from the same sources as far as they are known."""
        if self.text is None or other.text is None:
            return all(self.matrix.listed(cell) == other.matrix.listed(cell) for cell in _TOLD)
        return self.stated == other.stated

    def as_event(self) -> MatrixChanged:
        """What the other services are told."""
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
class Difference:
    """What changes for one profession: types that it may read from then on, and no more."""

    profession: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]


def check_activation(matrix: Matrix, active_from: datetime, earliest: datetime) -> None:
    """`earliest`: when whoever has not heard of it by then knows that its copies are too old.

    Raises MatrixInForceError, ActivationInvalidError.
    """
    if matrix.active_from is not None and matrix.active_from < earliest:
        raise MatrixInForceError
    if active_from < earliest:
        raise ActivationInvalidError


def compare(before: Matrix | None, after: Matrix) -> tuple[Difference, ...]:
    """Whose reading changes, by profession; a cell that only changes its source changes nothing."""
    found = (_compared(before, after, profession) for profession in sorted(role_codes()))
    return tuple(one for one in found if one.opens or one.closes)


def _compared(before: Matrix | None, after: Matrix, profession: str) -> Difference:
    had = {one for one in document_types() if before is not None and before.cell(profession, one) in _ALLOWED}
    has = {one for one in document_types() if after.cell(profession, one) in _ALLOWED}
    return Difference(profession, tuple(sorted(has - had)), tuple(sorted(had - has)))
