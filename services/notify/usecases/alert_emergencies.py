"""Tells of emergencies: at once by every channel, once a session, and again by one when the session has ended."""

from datetime import timedelta
from typing import get_args
from uuid import UUID

from services.notify.domain import ALERT_CHANNELS, Alert, AlertChannel, Audience, Kind, alert_id, emergency_of
from services.notify.store import alerts as store
from services.notify.usecases.raise_alerts import decide_alerts, raise_alerts
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import Actor, ActorKind
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message

EMERGENCIES = frozenset({"bris_de_glace", "centre_15"})
READINGS = frozenset({"read-document", "find-documents", "read-summary", "read-reimbursements"})
NOT_GATHERED = timedelta(0)
_KNOWN_ACTIONS = frozenset(get_args(Action))
_KNOWN_ACTORS = frozenset(get_args(ActorKind))


def is_emergency(event: AccessRecorded) -> bool:
    """Whether a professional has gone around the person's authorisation and has seen something of the record.

    An action, an outcome or a kind of actor that this release does not know silences no emergency.
    """
    opened = event.mode in EMERGENCIES and event.outcome != "refused"
    saw = event.action in READINGS or event.action not in _KNOWN_ACTIONS
    return opened and saw and may_be_professional(event.actor)


def may_be_professional(actor: Actor) -> bool:
    """Whether an actor is one, or of a kind that this release does not know."""
    return actor.kind == "professional" or actor.kind not in _KNOWN_ACTORS


async def alert_emergencies(
    connection: Connection, messages: list[Message[AccessRecorded]], *, keyring: Keyring, follow_up_after: timedelta
) -> None:
    """The first access of each session; ids derived from the session make that the others find its alerts there.

    Nothing is withheld and no preference counts: the person is told that it happened, and of no document.
    """
    alerts: dict[UUID, Alert] = {}
    for message in sorted(messages, key=lambda one: one.time):
        if is_emergency(message.event):
            for alert in _alerts(message, follow_up_after):
                alerts.setdefault(alert.id, alert)
    known = await store.find_alerts(connection, list(alerts)) if alerts else set()
    new = [alert for id, alert in alerts.items() if id not in known]
    await raise_alerts(connection, await decide_alerts(connection, new, keyring), NOT_GATHERED)


def _alerts(message: Message[AccessRecorded], follow_up_after: timedelta) -> list[Alert]:
    at_once = [_alert(message, "emergency", channel) for channel in ALERT_CHANNELS]
    ended = [_alert(message, "emergency-follow-up", channel, follow_up_after) for channel in ALERT_CHANNELS]
    return [*at_once, *ended]


def _alert(
    message: Message[AccessRecorded], kind: Kind, channel: AlertChannel, after: timedelta | None = None
) -> Alert:
    event = message.event
    session = event.session_id or emergency_of(event.record_id, event.actor.id, message.time)
    return Alert(
        id=alert_id(event.record_id, kind, session, channel),
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
