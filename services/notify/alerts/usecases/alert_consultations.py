"""Raises alerts of consultations: one per professional and record in 24 hours."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from services.notify.alerts.domain.alerts import Alert, Audience, Withheld
from services.notify.alerts.domain.consultations import (
    Consultation,
    ConsultationWindow,
    first_per_window,
    is_consultation,
)
from services.notify.alerts.domain.ids import alert_id
from services.notify.alerts.steps import DecidedAlert, decide_alerts, raise_alerts
from services.notify.alerts.store import alerts as store
from shared.contracts.audit import AccessRecorded
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def alert_consultations(
    connection: Connection, messages: list[Message[AccessRecorded]], *, keyring: Keyring, window: timedelta
) -> None:
    """Raises an alert for each consultation that opens a window of 24 hours.

    An event that comes again finds its window open, so no alert is raised twice. Consultations that must be withheld
    have windows of their own, so that they do not suppress alerts that may be sent. `window`: how long after a mail
    about consultations of a record further alerts wait.
    """
    read = {message.id: message for message in messages if is_consultation(message.event)}
    if not read:
        return
    documents = {message.event.document_id for message in read.values() if message.event.document_id}
    restricted = await store.find_restrictions(connection, list(documents))
    alerts = [_alert(message, restricted) for message in read.values()]
    decided = await decide_alerts(connection, alerts, keyring)
    consultations = [
        Consultation(_window_of(read[entry.alert.caused_by], entry), entry.alert.caused_at, entry) for entry in decided
    ]
    opened_at = await store.lock_windows(connection, sorted({consultation.window for consultation in consultations}))
    opening = first_per_window(consultations, opened_at)
    if not opening:
        return
    await store.open_windows(connection, {consultation.window: consultation.at for consultation in opening})
    await raise_alerts(connection, [consultation.item for consultation in opening], window)


def _window_of(message: Message[AccessRecorded], decided: DecidedAlert) -> ConsultationWindow:
    return ConsultationWindow(
        message.event.record_id, message.event.actor.id, is_withheld=isinstance(decided.decision, Withheld)
    )


def _alert(message: Message[AccessRecorded], restricted: Mapping[UUID, Audience]) -> Alert:
    event = message.event
    audience = restricted.get(event.document_id) if event.document_id else None
    return Alert(
        id=alert_id(event.record_id, "consultation", message.id),
        record_id=event.record_id,
        kind="consultation",
        document_id=event.document_id,
        deposit_id=None,
        caused_by=message.id,
        caused_at=message.time,
        trace=message.trace,
        audience=audience or Audience.EVERYBODY,
    )
