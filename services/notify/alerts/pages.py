"""The page `/dossier/{id}/alertes`: the alerts of a record with their state, and which of them are wanted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from services.notify.alerts.domain.listed import AlertPlace, ListedAlert
from services.notify.alerts.usecases.list_alerts import list_alerts
from services.notify.kit.kinds import ALWAYS_SENT_KINDS
from services.notify.preferences.domain import Preferences
from services.notify.preferences.usecases.change_preferences import change_preferences
from services.notify.preferences.usecases.show_preferences import show_preferences
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.web.doors import page_router
from shared.web.forms import read_form
from shared.web.pages import pages_of
from shared.web.session import see_other

ALERTS_ON_A_PAGE: Final = 30
NOT_SHOWN: Final = frozenset({"own-deposit", "told-by-mail"})
"""Why an alert was not wanted that nobody misses: the holder's own document, an SMS after a mail."""
router = page_router()


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert in words: `state_key`, the text of its state; `at`: the moment that this text names."""

    kind: str
    status: str
    caused_at: datetime
    document_id: UUID | None
    state_key: str
    at: datetime
    is_emergency: bool


@router.get("/dossier/{record_id}/alertes")
async def show_alerts(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    avant: Annotated[str | None, Query(max_length=80)] = None,
    fait: Annotated[str, Query(max_length=1)] = "",
) -> Response:
    """Shows the preferences and the alerts, newest first."""
    preferences = await show_preferences(pool, caller, record_id)
    place = None if avant is None else AlertPlace.parse(avant)
    page = await list_alerts(pool, caller, record_id, ALERTS_ON_A_PAGE, place)
    return pages_of(request).page(
        request,
        "alerts/alerts.html",
        preferences=preferences,
        alerts=[shown_alert(alert) for alert in page.alerts if alert.reason not in NOT_SHOWN],
        older=str(page.alerts[-1].place) if page.has_more else None,
        is_first=avant is None,
        is_saved=bool(fait),
        base=f"/dossier/{record_id}/alertes",
        record=f"/dossier/{record_id}",
    )


@router.post("/dossier/{record_id}/alertes")
async def save_preferences(
    request: Request, record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool
) -> Response:
    """Stores which alerts are wanted. A form that is sent twice changes nothing the second time."""
    form = await read_form(request)
    preferences = Preferences(form.is_checked("document"), form.is_checked("consultation"))
    await change_preferences(pool, caller, record_id, preferences)
    return see_other(f"/dossier/{record_id}/alertes?fait=1")


def shown_alert(alert: ListedAlert) -> ShownAlert:
    """Returns what the page says of an alert."""
    match alert.status, alert.reason:
        case "sent", _:
            key = f"alerts.sent-{alert.channel}"
        case "queued", _:
            key = "alerts.queued"
        case "failed", _:
            key = f"alerts.failed-{alert.channel}"
        case _, ("switched-off" | "no-address" | "no-mobile") as reason:
            key = f"alerts.{reason}"
        case _:
            key = "alerts.not-sent"
    return ShownAlert(
        kind=alert.kind,
        status=alert.status,
        caused_at=alert.caused_at,
        document_id=alert.document_id,
        state_key=key,
        at=alert.handled_at or alert.due_at or alert.caused_at,
        is_emergency=alert.kind in ALWAYS_SENT_KINDS,
    )
