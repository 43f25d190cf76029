"""An administrator imports a version of the national matrix: known everywhere from now on, in force nowhere yet."""

from services.consent.announcements import announce
from services.consent.domain.matrices import MatrixNameTakenError, StoredMatrix
from services.consent.store import matrices
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.terminology.matrix import packaged, read_matrix


async def import_matrix(pool: Pool, name: str, text: str, by: str) -> StoredMatrix:
    """The version. The same again changes nothing. `by`: the administrator's id.

    Raises MatrixInvalidError, MatrixNameTakenError.
    """
    if any(one.name == name for one in packaged()):
        raise MatrixNameTakenError
    new = StoredMatrix(read_matrix(name, text), 1, text, clock.now(), by)
    async with transaction(pool) as connection:
        if await matrices.insert_matrix(connection, new):
            await append(connection, [announce(new.as_event())])
            return new
        known = await matrices.lock_matrix(connection, name)
    if known is None or not known.says_the_same(new):
        raise MatrixNameTakenError
    return known
