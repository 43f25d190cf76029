"""Lists the versions of the national matrix."""

from typing import NamedTuple

from services.consent.matrices import store
from services.consent.matrices.domain import StoredMatrix
from shared.db.pool import Pool
from shared.runtime import clock
from shared.terminology.matrix import Matrix, in_force, packaged, packaged_text


class MatrixVersions(NamedTuple):
    """All versions of the matrix, packaged ones first, and the one in force now."""

    versions: list[StoredMatrix]
    in_force: Matrix | None


async def list_matrices(pool: Pool) -> MatrixVersions:
    """Returns all versions, packaged ones first, and the one in force now."""
    versions = [StoredMatrix(matrix, 0, packaged_text(matrix.name)) for matrix in packaged()]
    versions += await store.list_matrices(pool)
    return MatrixVersions(versions, in_force((version.matrix for version in versions), clock.now()))
