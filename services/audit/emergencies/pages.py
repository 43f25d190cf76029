"""The page `/dossier/{id}/urgences`: who opened a record in an emergency, the motive, and what they read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import Response

from services.audit.accesses.models import NamedView
from services.audit.emergencies.domain import EmergencySession
from services.audit.emergencies.usecases.list_emergencies import list_emergencies
from services.audit.ledger.adapters import MotiveVault
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.http.dependencies import provided
from shared.public_names import PublicNames
from shared.terminology.access_modes import BREAK_GLASS
from shared.terminology.professions import role_label
from shared.web.doors import page_router
from shared.web.pages import pages_of

router = page_router()


@dataclass(frozen=True, slots=True)
class ShownEmergency:
    """One session of a professional, with names and labels."""

    professional: NamedView
    profession_label: str | None
    place: str | None
    since: datetime
    until: datetime
    is_break_glass: bool
    motive: str | None
    searches: int
    documents: list[tuple[UUID, datetime]]


@router.get("/dossier/{record_id}/urgences")
async def show_emergencies(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    motives: Annotated[MotiveVault, Depends(provided(MotiveVault))],
) -> Response:
    """Shows each emergency session, newest first."""
    emergencies, names = await list_emergencies(pool, motives, caller, record_id, max_copy_age)
    shown = [_shown(session, motive, names) for session, motive in emergencies]
    return pages_of(request).page(
        request, "emergencies/emergencies.html", emergencies=shown, record=f"/dossier/{record_id}"
    )


def _shown(session: EmergencySession, motive: str | None, names: PublicNames) -> ShownEmergency:
    first = session.first
    return ShownEmergency(
        professional=NamedView(id=first.actor_id, name=names.professionals.get(first.actor_id)),
        profession_label=None if first.profession is None else role_label(first.profession),
        place=names.structures.get(first.organisation_id or ""),
        since=first.occurred_at,
        until=session.until,
        is_break_glass=first.mode == BREAK_GLASS,
        motive=motive,
        searches=session.searches,
        documents=list(session.documents.items()),
    )
