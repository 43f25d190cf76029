"""Says what a version of the national matrix would change for which profession."""

from dataclasses import dataclass

from services.consent.choices.store import states
from services.consent.matrices.domain import (
    ProfessionDifference,
    StoredMatrix,
    differences_between,
    find_version,
)
from services.consent.matrices.usecases.list_matrices import list_matrices
from shared.db.pool import Pool
from shared.terminology.matrix import Matrix


@dataclass(frozen=True, slots=True)
class MatrixComparison:
    """`against`: the version in force now. `records`: the number of records in which something changes, at most.

    Consent does not know which documents a record has: a changed cell may concern every record.
    """

    candidate: StoredMatrix
    against: Matrix | None
    differences: tuple[ProfessionDifference, ...]
    records: int


async def compare_matrix(pool: Pool, name: str) -> MatrixComparison:
    """Compares a version with the one in force. Raises MatrixUnknownError."""
    listed = await list_matrices(pool)
    candidate = find_version(listed.versions, name)
    differences = differences_between(listed.in_force, candidate.matrix)
    records = await states.count_states(pool) if differences else 0
    return MatrixComparison(candidate, listed.in_force, differences, records)
