"""An administrator says from when a version of the national matrix is in force."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.consent.announcements import announce
from services.consent.domain.matrices import MatrixInForceError, MatrixUnknownError, StoredMatrix, check_activation
from services.consent.store import matrices
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.terminology.matrix import packaged


async def activate_matrix(
    pool: Pool, name: str, active_from: datetime | None, notice: timedelta, by: str
) -> StoredMatrix:
    """The version with its date: the earliest where none is given. Until `notice` before it has come it can be moved.

    `by`: the administrator's id. `notice`: how old a copy may be. Who reads at that date has heard of it, or knows that
    its copies are too old.

    Raises MatrixUnknownError, MatrixInForceError, ActivationInvalidError.
    """
    if any(one.name == name for one in packaged()):
        raise MatrixInForceError
    async with transaction(pool) as connection:
        known = await matrices.lock_matrix(connection, name)
        if known is None:
            raise MatrixUnknownError
        now = clock.now()
        earliest = now + notice
        wanted = active_from or earliest
        if known.matrix.active_from == wanted:
            return known
        check_activation(known.matrix, wanted, earliest)
        matrix, version = replace(known.matrix, active_from=wanted), known.version + 1
        active = replace(known, matrix=matrix, version=version, activated_at=now, activated_by=by)
        await matrices.activate_matrix(connection, active)
        await append(connection, [announce(active.as_event())])
        return active
