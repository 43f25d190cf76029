"""Tells of consultations: one alert per professional and record in 24 hours."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from services.notify.domain import Alert, Audience, Decision, Window, Withheld, alert_id, first_of_each_day
from services.notify.store import alerts as store
from services.notify.usecases.alert_emergencies import is_emergency, may_be_professional
from services.notify.usecases.raise_alerts import decide_alerts, raise_alerts
from shared.contracts.audit import AccessRecorded
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message


def is_consultation(event: AccessRecorded) -> bool:
    """Whether a professional has read a document; an emergency is told of as such.

    Whoever is of a kind that this release does not know, or got an answer that it does not know, may have read.
    """
    read = event.action == "read-document" and event.outcome != "refused" and may_be_professional(event.actor)
    return read and not is_emergency(event)


async def alert_consultations(
    connection: Connection, messages: list[Message[AccessRecorded]], *, keyring: Keyring, window: timedelta
) -> None:
    """Those that open a window of a day. A consultation that comes again finds its window open: nothing is told twice.

    What must be withheld has windows of its own, so that it does not silence what may be told. `window`: how long
    after a mail about consultations of a record further ones wait.
    """
    read = {message.id: message for message in messages if is_consultation(message.event)}
    if not read:
        return
    documents = {message.event.document_id for message in read.values() if message.event.document_id}
    restricted = await store.find_restrictions(connection, list(documents))
    alerts = [_alert(message, restricted) for message in read.values()]
    decided = await decide_alerts(connection, alerts, keyring)
    candidates = [
        (_window(read[alert.caused_by], decision), alert.caused_at, (alert, decision)) for alert, decision in decided
    ]
    told = await store.lock_windows(connection, sorted({window for window, _, _ in candidates}))
    opening = first_of_each_day(candidates, told)
    if not opening:
        return
    await store.open_windows(connection, {window: at for window, at, _ in opening})
    await raise_alerts(connection, [one for _, _, one in opening], window)


def _window(message: Message[AccessRecorded], decision: Decision) -> Window:
    return message.event.record_id, message.event.actor.id, isinstance(decision, Withheld)


def _alert(message: Message[AccessRecorded], restricted: Mapping[UUID, Audience]) -> Alert:
    event = message.event
    may_know = restricted.get(event.document_id) if event.document_id else None
    return Alert(
        id=alert_id(event.record_id, "consultation", message.id),
        record_id=event.record_id,
        kind="consultation",
        document_id=event.document_id,
        deposit_id=None,
        caused_by=message.id,
        caused_at=message.time,
        trace=message.trace,
        audience=may_know or Audience.EVERYBODY,
    )
