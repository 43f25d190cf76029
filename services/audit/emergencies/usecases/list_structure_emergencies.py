"""Lists the emergencies of a structure in one week, for its data protection officer. Names no patient."""

from typing import NamedTuple

from services.audit.emergencies import store
from services.audit.emergencies.domain import EmergencySession, sessions_of, week_bounds
from shared.db.pool import Pool
from shared.errors import ForbiddenError
from shared.http.tokens import Caller
from shared.public_names import PublicNames, find_names


class StructureForbiddenError(ForbiddenError):
    """Only the structure's own software, an administrator or an operator can see a structure's emergencies."""

    french = "Seuls le logiciel de la structure, un administrateur ou un opérateur voient les urgences d’une structure."


class StructureEmergencies(NamedTuple):
    """The emergency sessions of a structure's professionals, newest first, and the public names in them."""

    sessions: list[EmergencySession]
    names: PublicNames


async def list_structure_emergencies(pool: Pool, caller: Caller, structure_id: str, week: str) -> StructureEmergencies:
    """Returns the sessions of the week, newest first.

    Raises ForbiddenError for callers other than the structure's own software, administrators and operators;
    WeekInvalidError.
    """
    if not _may_see(caller, structure_id):
        raise StructureForbiddenError
    since, until = week_bounds(week)
    async with pool.acquire() as connection:
        accesses = await store.find_structure_emergencies(connection, structure_id, since, until)
        names = await find_names(connection, {access.actor_id for access in accesses}, {structure_id})
    return StructureEmergencies(sessions_of(accesses), names)


def _may_see(caller: Caller, structure_id: str) -> bool:
    if caller.kind == "software":
        return caller.organisation_id == structure_id
    return caller.kind in ("administrator", "operator")
