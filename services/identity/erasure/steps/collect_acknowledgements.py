"""Collects the acknowledgements of erasures; when all five services have acknowledged, signs the receipt."""

from datetime import timedelta

from services.identity.erasure import store as erasures
from services.identity.erasure.domain import ErasureAcknowledgement, ErasureRules, build_receipt, sign_receipt
from services.identity.erasure.store import Erasure
from shared.contracts.declarations import SERVICES, Service
from shared.contracts.identity import ErasureAcknowledged
from shared.contracts.topics import ERASURE_ACKNOWLEDGEMENTS
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.messaging.envelope import Message
from shared.runtime import clock

_WRITER_OF_TOPIC = {topic.name: service for service, topic in ERASURE_ACKNOWLEDGEMENTS.items()}


class WriterMismatchError(PermanentError):
    """An acknowledgement names another service than the one that owns its topic."""

    code = "writer-mismatch"


async def collect_acknowledgements(
    connection: Connection,
    messages: list[Message[ErasureAcknowledged]],
    *,
    rules: ErasureRules,
) -> None:
    """Stores acknowledgements: the first of each service counts, and a receipt is never replaced.

    An acknowledgement of an erasure that is unknown here is kept: the database has lost the erasure, `recover` repeats
    it, and no service but identity acknowledges it again. One by an unknown service, or of another record than the
    erasure's, is ignored. Raises WriterMismatchError.
    """
    for message in messages:
        _require_own_word(message)
    events = [message.event for message in messages]
    locked = await erasures.lock_erasures(connection, sorted({event.erasure_id for event in events}))
    record_ids = {erasure.id: erasure.record_id for erasure in locked}
    for event in events:
        service = _service_of(event)
        if service is not None and record_ids.get(event.erasure_id, event.record_id) == event.record_id:
            await erasures.insert_acknowledgement(connection, event.erasure_id, _acknowledgement(service, event))
    for erasure in locked:
        if erasure.receipt is None:
            await _complete_if_acknowledged(connection, erasure, rules)


def _require_own_word(message: Message[ErasureAcknowledged]) -> None:
    """Raises WriterMismatchError unless the named service owns the topic.

    A topic has one writer, so its name proves the sender; only the retired topic was shared.
    """
    writer = _WRITER_OF_TOPIC.get(message.topic)
    if writer is not None and writer != message.event.service:
        raise WriterMismatchError


def _service_of(event: ErasureAcknowledged) -> Service | None:
    return next((service for service in SERVICES if service == event.service), None)


def _acknowledgement(service: Service, event: ErasureAcknowledged) -> ErasureAcknowledgement:
    return ErasureAcknowledgement(service=service, acknowledged_at=event.acknowledged_at, destroyed=event.destroyed)


async def _complete_if_acknowledged(connection: Connection, erasure: Erasure, rules: ErasureRules) -> None:
    acknowledgements = await erasures.load_acknowledgements(connection, erasure.id)
    if len(acknowledgements) < len(SERVICES):
        return
    backups = timedelta(days=rules.backups_days)
    signed = build_receipt(
        erasure.id, erasure.record_id, erasure.reason, erasure.decided_at, acknowledgements, backups=backups
    )
    await erasures.complete_erasure(connection, erasure.id, clock.now(), sign_receipt(rules.receipts, signed))
