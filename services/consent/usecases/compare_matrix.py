"""What is known of the national matrix, and what a version would change for whom."""

from dataclasses import dataclass

from services.consent.domain.matrices import Difference, MatrixUnknownError, compare
from services.consent.store import matrices, states
from shared import clock
from shared.db.pool import Pool
from shared.terminology.matrix import Matrix, in_force, packaged


@dataclass(frozen=True, slots=True)
class Comparison:
    """`against`: the version in force now. `records`: in how many something changes, at most.

    Which documents a record has is not known here: where a cell changes, each record may have some of that type.
    """

    matrix: Matrix
    against: Matrix | None
    differences: tuple[Difference, ...]
    records: int


async def list_matrices(pool: Pool) -> tuple[list[Matrix], Matrix | None]:
    """All versions, packaged ones first, and the one in force now."""
    known = [*packaged(), *(one.matrix for one in await matrices.list_matrices(pool))]
    return known, in_force(known, clock.now())


async def compare_matrix(pool: Pool, name: str) -> Comparison:
    """Against what is in force. Raises MatrixUnknownError."""
    known, present = await list_matrices(pool)
    matrix = next((one for one in known if one.name == name), None)
    if matrix is None:
        raise MatrixUnknownError
    differences = compare(present, matrix)
    return Comparison(matrix, present, differences, await states.count_states(pool) if differences else 0)
