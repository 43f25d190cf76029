"""An administrator imports a version of the national matrix; it is not in force before it is activated."""

from services.consent.kit.announcements import announce
from services.consent.matrices import store
from services.consent.matrices.domain import MatrixNameTakenError, StoredMatrix
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.terminology.matrix import packaged, read_matrix


async def import_matrix(pool: Pool, name: str, text: str, by: str) -> StoredMatrix:
    """Returns the stored version. Importing an identical version again changes nothing. `by`: the administrator's id.

    Raises MatrixInvalidError, MatrixNameTakenError.
    """
    if any(packaged_matrix.name == name for packaged_matrix in packaged()):
        raise MatrixNameTakenError
    imported = StoredMatrix(read_matrix(name, text), 1, text, clock.now(), by)
    async with transaction(pool) as connection:
        if await store.insert_matrix(connection, imported):
            await append(connection, [announce(imported.as_event())])
            return imported
        stored = await store.lock_matrix(connection, name)
    if stored is None or not stored.has_same_cells(imported):
        raise MatrixNameTakenError
    return stored
