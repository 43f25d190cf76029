"""A structure's data protection officer asks which emergencies there were in a week. No patient is named."""

from services.audit import store as names_store
from services.audit.domain import Names
from services.audit.emergencies import EmergencySession, sessions_of, week_of
from services.audit.store import emergencies as store
from shared.db.pool import Pool
from shared.errors import ForbiddenError
from shared.http.tokens import Caller


class StructureForbiddenError(ForbiddenError):
    """Only the structure's own software, an administrator or an operator can see a structure's emergencies."""

    french = "Seuls le logiciel de la structure, un administrateur ou un opérateur voient les urgences d’une structure."


async def list_structure_emergencies(
    pool: Pool, caller: Caller, structure_id: str, week: str
) -> tuple[list[EmergencySession], Names]:
    """The newest first. Raises ForbiddenError for anybody but the structure's own software, administrators and
    operators; WeekInvalidError."""
    if not _may_see(caller, structure_id):
        raise StructureForbiddenError
    since, until = week_of(week)
    async with pool.acquire() as connection:
        found = await store.find_of_structure(connection, structure_id, since, until)
        names = await names_store.find_names(connection, {one.actor_id for one in found}, {structure_id})
    return sessions_of(found), names


def _may_see(caller: Caller, structure_id: str) -> bool:
    if caller.kind == "software":
        return caller.organisation_id == structure_id
    return caller.kind in ("administrator", "operator")
