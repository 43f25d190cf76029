"""An administrator activates a version of the national matrix from a date on."""

from dataclasses import replace
from datetime import datetime

from services.consent.kit.announcements import announce
from services.consent.matrices import store
from services.consent.matrices.domain import (
    MatricesRules,
    MatrixInForceError,
    MatrixUnknownError,
    StoredMatrix,
    check_activation,
)
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.terminology.matrix import packaged


async def activate_matrix(
    pool: Pool, name: str, active_from: datetime | None, rules: MatricesRules, by: str
) -> StoredMatrix:
    """Returns the version with its date; without `active_from` the earliest. The date can be moved until `rules.notice`
    before it.

    `by`: the administrator's id.

    Raises MatrixUnknownError, MatrixInForceError, ActivationInvalidError.
    """
    if any(packaged_matrix.name == name for packaged_matrix in packaged()):
        raise MatrixInForceError
    async with transaction(pool) as connection:
        stored = await store.lock_matrix(connection, name)
        if stored is None:
            raise MatrixUnknownError
        now = clock.now()
        earliest = now + rules.notice
        new_date = active_from or earliest
        if stored.matrix.active_from == new_date:
            return stored
        check_activation(stored.matrix, new_date, earliest)
        matrix, version = replace(stored.matrix, active_from=new_date), stored.version + 1
        activated = replace(stored, matrix=matrix, version=version, activated_at=now, activated_by=by)
        await store.activate_matrix(connection, activated)
        await append(connection, [announce(activated.as_event())])
        return activated
