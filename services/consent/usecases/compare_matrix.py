"""What is known of the national matrix, and what a version would change for whom."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.consent.domain.matrices import (
    Difference,
    MatrixFileUnknownError,
    MatrixUnknownError,
    StoredMatrix,
    compare,
)
from services.consent.store import matrices, states
from shared.db.pool import Pool
from shared.runtime import clock
from shared.terminology.matrix import Matrix, in_force, packaged, packaged_text


@dataclass(frozen=True, slots=True)
class Comparison:
    """`against`: the version in force now. `records`: in how many something changes, at most.

    Which documents a record has is not known here: where a cell changes, each record may have some of that type.
    """

    wanted: StoredMatrix
    against: Matrix | None
    differences: tuple[Difference, ...]
    records: int


async def list_matrices(pool: Pool) -> tuple[list[StoredMatrix], Matrix | None]:
    """All versions, packaged ones first, and the one in force now."""
    known = [StoredMatrix(one, 0, packaged_text(one.name)) for one in packaged()]
    known += await matrices.list_matrices(pool)
    return known, in_force((one.matrix for one in known), clock.now())


async def compare_matrix(pool: Pool, name: str) -> Comparison:
    """Against what is in force. Raises MatrixUnknownError."""
    known, present = await list_matrices(pool)
    wanted = _named(known, name)
    differences = compare(present, wanted.matrix)
    records = await states.count_states(pool) if differences else 0
    return Comparison(wanted, present, differences, records)


async def show_matrix(pool: Pool, name: str) -> str:
    """The file of a version as it was imported. Raises MatrixUnknownError, MatrixFileUnknownError."""
    known, _ = await list_matrices(pool)
    text = _named(known, name).text
    if text is None:
        raise MatrixFileUnknownError
    return text


def _named(known: Iterable[StoredMatrix], name: str) -> StoredMatrix:
    found = next((one for one in known if one.matrix.name == name), None)
    if found is None:
        raise MatrixUnknownError
    return found
