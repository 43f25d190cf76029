"""Reads the file of a version of the national matrix."""

from services.consent.matrices.domain import MatrixFileUnknownError, find_version
from services.consent.matrices.usecases.list_matrices import list_matrices
from shared.db.pool import Pool


async def read_matrix_file(pool: Pool, name: str) -> str:
    """Returns the CSV file of a version as it was imported. Raises MatrixUnknownError, MatrixFileUnknownError."""
    text = find_version((await list_matrices(pool)).versions, name).text
    if text is None:
        raise MatrixFileUnknownError
    return text
