"""Raises alerts of emergencies: once a session by every channel at once, and a follow-up when the session has ended."""

from datetime import timedelta
from uuid import UUID

from services.notify.alerts.domain.alerts import Alert, Audience
from services.notify.alerts.domain.emergencies import is_emergency
from services.notify.alerts.domain.ids import alert_id, emergency_session_id
from services.notify.alerts.steps import decide_alerts, raise_alerts
from services.notify.alerts.store import alerts as store
from services.notify.kit.kinds import ALERT_CHANNELS, AlertChannel, AlertKind
from shared.contracts.audit import AccessRecorded
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message

NO_WINDOW = timedelta(0)


async def alert_emergencies(
    connection: Connection, messages: list[Message[AccessRecorded]], *, keyring: Keyring, follow_up_after: timedelta
) -> None:
    """Raises alerts for the first access of each session.

    The ids of alerts derive from the session, so later accesses of the session find that they exist.

    Neither labels nor preferences apply: the alert says that an emergency access happened and names no document.
    """
    alerts: dict[UUID, Alert] = {}
    for message in sorted(messages, key=lambda message: message.time):
        if is_emergency(message.event):
            for alert in _alerts(message, follow_up_after):
                alerts.setdefault(alert.id, alert)
    existing = await store.find_existing_alerts(connection, list(alerts)) if alerts else set()
    new = [alert for id, alert in alerts.items() if id not in existing]
    await raise_alerts(connection, await decide_alerts(connection, new, keyring), NO_WINDOW)


def _alerts(message: Message[AccessRecorded], follow_up_after: timedelta) -> list[Alert]:
    first = [_alert(message, "emergency", channel) for channel in ALERT_CHANNELS]
    follow_ups = [_alert(message, "emergency-follow-up", channel, follow_up_after) for channel in ALERT_CHANNELS]
    return [*first, *follow_ups]


def _alert(
    message: Message[AccessRecorded], kind: AlertKind, channel: AlertChannel, after: timedelta | None = None
) -> Alert:
    event = message.event
    session_id = event.session_id or emergency_session_id(event.record_id, event.actor.id, message.time)
    return Alert(
        id=alert_id(event.record_id, kind, session_id, channel),
        record_id=event.record_id,
        kind=kind,
        document_id=None,
        deposit_id=None,
        caused_by=message.id,
        caused_at=message.time,
        trace=message.trace,
        audience=Audience.EVERYBODY,
        channel=channel,
        not_before=None if after is None else message.time + after,
    )
