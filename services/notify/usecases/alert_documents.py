"""Tells of new documents: one alert per published document."""

from datetime import timedelta
from typing import Final

from services.notify.domain import Alert, Audience, Unwanted, alert_id, audience
from services.notify.store import alerts as store
from services.notify.store.alerts import Restriction
from services.notify.usecases.raise_alerts import decide_alerts, raise_alerts
from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentPublished
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message

OWN: Final = Unwanted("own-deposit")
"""What somebody deposited is no news to them."""


async def alert_documents(
    connection: Connection, messages: list[Message[DocumentPublished]], *, keyring: Keyring, window: timedelta
) -> None:
    """A document's alert exists once, however often it is told of. Restricted documents are remembered."""
    alerts = [_alert(message) for message in messages]
    # Of a publication that comes again in one batch the first place on the topic counts: labels may have come after it.
    restricted = {
        alert.document_id: Restriction(alert.record_id, alert.audience, LabelVersion.of(message))
        for alert, message in reversed(list(zip(alerts, messages, strict=True)))
        if alert.document_id and alert.audience is not Audience.EVERYBODY
    }
    if restricted:
        await store.keep_restrictions(connection, restricted)
    own = {alert.id for alert, message in zip(alerts, messages, strict=True) if message.event.deposited_by == "patient"}
    once = list({alert.id: alert for alert in alerts}.values())
    decided = await decide_alerts(connection, once, keyring)
    await raise_alerts(connection, [(one, OWN if one.id in own else decision) for one, decision in decided], window)


def _alert(message: Message[DocumentPublished]) -> Alert:
    event = message.event
    return Alert(
        id=alert_id(event.record_id, "document", event.document_id),
        record_id=event.record_id,
        kind="document",
        document_id=event.document_id,
        deposit_id=event.deposit_id,
        caused_by=message.id,
        caused_at=event.published_at,
        trace=message.trace,
        audience=audience(event.labels),
    )
