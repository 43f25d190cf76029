"""Raises the alert of a history's first filling: one for a record, ever (PRIMO_ALIM_MHS)."""

from datetime import timedelta

from services.notify.alerts.domain.alerts import Alert, Audience
from services.notify.alerts.domain.ids import alert_id
from services.notify.alerts.steps.decide_alerts import decide_alerts, raise_alerts
from shared.contracts.records import HistoryFilled
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def alert_histories(
    connection: Connection, messages: list[Message[HistoryFilled]], *, keyring: Keyring, window: timedelta
) -> None:
    """Raises one alert per record, however often the filling comes."""
    alerts = {alert.id: alert for alert in map(_alert, messages)}
    await raise_alerts(connection, await decide_alerts(connection, list(alerts.values()), keyring), window)


def _alert(message: Message[HistoryFilled]) -> Alert:
    event = message.event
    return Alert(
        id=alert_id(event.record_id, "history", event.record_id),
        record_id=event.record_id,
        kind="history",
        document_id=None,
        deposit_id=None,
        caused_by=message.id,
        caused_at=message.time,
        trace=message.trace,
        audience=Audience.EVERYBODY,
    )
