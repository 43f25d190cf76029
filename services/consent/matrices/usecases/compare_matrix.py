"""Lists the versions of the national matrix, and says what a version would change for which profession."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.consent.choices.store import states
from services.consent.matrices import store
from services.consent.matrices.domain import (
    MatrixFileUnknownError,
    MatrixUnknownError,
    ProfessionDifference,
    StoredMatrix,
    differences_between,
)
from shared.db.pool import Pool
from shared.runtime import clock
from shared.terminology.matrix import Matrix, in_force, packaged, packaged_text


class MatrixVersions(NamedTuple):
    """All versions of the matrix, packaged ones first, and the one in force now."""

    versions: list[StoredMatrix]
    in_force: Matrix | None


@dataclass(frozen=True, slots=True)
class MatrixComparison:
    """`against`: the version in force now. `records`: the number of records in which something changes, at most.

    Consent does not know which documents a record has: a changed cell may concern every record.
    """

    candidate: StoredMatrix
    against: Matrix | None
    differences: tuple[ProfessionDifference, ...]
    records: int


async def list_matrices(pool: Pool) -> MatrixVersions:
    """Returns all versions, packaged ones first, and the one in force now."""
    versions = [StoredMatrix(matrix, 0, packaged_text(matrix.name)) for matrix in packaged()]
    versions += await store.list_matrices(pool)
    return MatrixVersions(versions, in_force((version.matrix for version in versions), clock.now()))


async def compare_matrix(pool: Pool, name: str) -> MatrixComparison:
    """Compares a version with the one in force. Raises MatrixUnknownError."""
    listed = await list_matrices(pool)
    candidate = _find_version(listed.versions, name)
    differences = differences_between(listed.in_force, candidate.matrix)
    records = await states.count_states(pool) if differences else 0
    return MatrixComparison(candidate, listed.in_force, differences, records)


async def read_matrix_file(pool: Pool, name: str) -> str:
    """Returns the CSV file of a version as it was imported. Raises MatrixUnknownError, MatrixFileUnknownError."""
    text = _find_version((await list_matrices(pool)).versions, name).text
    if text is None:
        raise MatrixFileUnknownError
    return text


def _find_version(versions: Iterable[StoredMatrix], name: str) -> StoredMatrix:
    for version in versions:
        if version.matrix.name == name:
            return version
    raise MatrixUnknownError
