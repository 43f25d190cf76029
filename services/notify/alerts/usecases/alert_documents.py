"""Raises alerts of new documents: one per published document."""

from datetime import timedelta
from typing import Final

from services.notify.alerts.domain.alerts import Alert, Audience, Unwanted, audience_of
from services.notify.alerts.domain.ids import alert_id
from services.notify.alerts.steps import DecidedAlert, decide_alerts, raise_alerts
from services.notify.alerts.store import alerts as store
from services.notify.alerts.store.alerts import Restriction
from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentPublished
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message

OWN_DEPOSIT: Final = Unwanted("own-deposit")
"""The patient needs no alert about a document that the patient deposited."""


async def alert_documents(
    connection: Connection, messages: list[Message[DocumentPublished]], *, keyring: Keyring, window: timedelta
) -> None:
    """Raises one alert per document, however often its publication comes. Stores which documents are restricted."""
    alerts = [_alert(message) for message in messages]
    # If a publication comes twice in a batch, the first one's offset counts: new labels may lie between the two.
    restricted = {
        alert.document_id: Restriction(alert.record_id, alert.audience, LabelVersion.of(message))
        for alert, message in reversed(list(zip(alerts, messages, strict=True)))
        if alert.document_id and alert.audience is not Audience.EVERYBODY
    }
    if restricted:
        await store.upsert_restrictions(connection, restricted)
    own_deposits = {
        alert.id for alert, message in zip(alerts, messages, strict=True) if message.event.deposited_by == "patient"
    }
    unique_alerts = list({alert.id: alert for alert in alerts}.values())
    decided = await decide_alerts(connection, unique_alerts, keyring)
    final = [DecidedAlert(alert, OWN_DEPOSIT if alert.id in own_deposits else decision) for alert, decision in decided]
    await raise_alerts(connection, final, window)


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
        audience=audience_of(event.labels),
    )
