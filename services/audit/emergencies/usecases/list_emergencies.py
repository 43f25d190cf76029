"""Lists the emergency accesses to a record with their motives, for the patient or a representative."""

import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from services.audit.accesses.steps import check_access_request
from services.audit.emergencies import store
from services.audit.emergencies.domain import EmergencyAccess, EmergencySession, sessions_of
from services.audit.ledger.adapters import MotiveVault
from services.audit.ledger.store import find_keys
from shared.crypto.keyring import SealBrokenError
from shared.crypto.vault import WrappedKey
from shared.db.pool import Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.public_names import PublicNames, find_names

MAX_READINGS = 2000
"""How many of each record's newest readings are considered."""


class EmergencyWithMotive(NamedTuple):
    """A session and its motive; None if none was given, or if it cannot be decrypted."""

    session: EmergencySession
    motive: str | None


class EmergencyList(NamedTuple):
    """The emergencies of a record, newest first, and the public names in them."""

    emergencies: list[EmergencyWithMotive]
    names: PublicNames


async def list_emergencies(
    pool: Pool, motives: MotiveVault, caller: Caller, record_id: UUID, max_copy_age: timedelta
) -> EmergencyList:
    """Returns the emergencies, newest first; for a patient those of both linked records.

    The request is announced to the ledger of each record, a refused request too.

    Raises ForbiddenError for callers other than the patient and representatives; NotFoundError for another record or an
    erased one, and for a closed one if a representative asks; UncheckableError if the copy is older than
    `max_copy_age`.
    """
    async with transaction(pool) as connection:
        request = await check_access_request(connection, caller, record_id, max_copy_age)
        records = await request.readable_records(connection)
        accesses: list[EmergencyAccess] = []
        for id in records:
            accesses += await store.find_record_emergencies(
                connection, id, MAX_READINGS, to_representatives=request.is_representative
            )
        keys = await find_keys(connection, records)
        professional_ids = {access.actor_id for access in accesses}
        structure_ids = {access.organisation_id for access in accesses if access.organisation_id}
        names = await find_names(connection, professional_ids, structure_ids)
        await append(connection, request.announcements("list-emergencies", records))
    request.raise_if_refused("list-emergencies")
    sessions = sessions_of(accesses)
    return EmergencyList([EmergencyWithMotive(session, _motive(session, motives, keys)) for session in sessions], names)


def _motive(session: EmergencySession, motives: MotiveVault, keys: Mapping[UUID, WrappedKey]) -> str | None:
    access = session.motive
    if access is None or access.motive is None or access.record_id not in keys:
        return None
    try:
        return motives.open(access.record_id, keys[access.record_id], access.event_id, access.motive)
    except (SealBrokenError, binascii.Error):
        return None
