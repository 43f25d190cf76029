"""Something happened: enter it in the ledger, once; of a settled deposit say that its entry stands."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.audit import store
from services.audit.announcements import announce_effect
from services.audit.domain import LedgerEvent, Visible, entry_of, visible_by
from services.audit.motives import Motives
from services.audit.quarantine import entry_of_quarantined
from services.audit.store import motives as motives_store
from services.audit.store.motives import LateMotive
from services.audit.writers import WRITER_MISMATCH, may_report
from shared.contracts.audit import AccessRecorded, EntryRecorded
from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRefused, DocumentRelabelled
from shared.contracts.topics import AUDIT_LEDGER
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection
from shared.erasure.erased_records import erased_among
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.logs import log
from shared.runtime.metrics import DEAD_LETTERED, STEP_SECONDS

SETTLED = (DocumentPublished, DocumentRefused)
"""The events whose entries are announced: the tracking of a deposit follows these, and nobody follows the others."""


async def write_entries(motives: Motives, connection: Connection, messages: list[Message[LedgerEvent]]) -> None:
    """An event that comes again is passed over: neither entered nor announced a second time.

    A motive whose key is not here yet waits for it, its entry does not. What is told late of an erased record is
    entered like all, but no patient is left who might know of its documents, and no key under which a motive could be
    kept. An access that its topic's writer may not report is quarantined.
    """
    recorded_at = clock.now()
    messages, disbelieved = _by_credence(messages)
    kept, late = await _keep_motives(motives, connection, messages)
    entries = [entry_of(message, kept.get(message.id)) for message in messages]
    entries += [entry_of_quarantined(message, WRITER_MISMATCH) for message in disbelieved]
    new = await store.insert_entries(connection, entries, recorded_at)
    if waiting := [motive for motive in late if motive.event_id in new]:
        await motives_store.insert_late(connection, waiting)
    if visibilities := _visibilities(messages):
        erased = await erased_among(connection, (record_id for record_id, _ in visibilities))
        left = {place: said for place, said in visibilities.items() if place[0] not in erased}
        await store.upsert_visibilities(connection, left)
    entered = {message.id: message for message in messages if message.id in new}
    settled = [one for one in entered.values() if isinstance(one.event, SETTLED)]
    for one in settled:
        STEP_SECONDS.labels("audited").observe(max(0.0, (recorded_at - _settled_at(one.event)).total_seconds()))
    await append(connection, [announce_effect(_recorded(one, recorded_at), cause=one) for one in settled])


def _by_credence(
    messages: list[Message[LedgerEvent]],
) -> tuple[list[Message[LedgerEvent]], list[Message[LedgerEvent]]]:
    """Those that are for their topic's writer to say, and the others, which are logged.

    None of these is raised as an error: one service that reports what is not its own must not stop the ledger.
    """
    believed: list[Message[LedgerEvent]] = []
    others: list[Message[LedgerEvent]] = []
    for message in messages:
        event = message.event
        is_believed = not isinstance(event, AccessRecorded) or may_report(message.topic, event)
        (believed if is_believed else others).append(message)
    for message in others:
        DEAD_LETTERED.labels(AUDIT_LEDGER.name, WRITER_MISMATCH).inc()
        place: dict[str, Any] = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
        log("message.dead_lettered", group=AUDIT_LEDGER.name, code=WRITER_MISMATCH, **place)
    return believed, others


async def _keep_motives(
    motives: Motives, connection: Connection, messages: list[Message[LedgerEvent]]
) -> tuple[dict[UUID, str], list[LateMotive]]:
    """Event id -> its motive, under the record's own key; and the motives whose key is not here yet."""
    told = {
        message.id: (message.event.record_id, message.event.motive)
        for message in messages
        if isinstance(message.event, AccessRecorded) and message.event.motive is not None
    }
    if not told:
        return {}, []
    ids = {record_id for record_id, _ in told.values()}
    left = sorted(ids - await erased_among(connection, ids))
    wrapped = await store.keep_keys(connection, {id: motives.vault.new_key(id) for id in left})
    keys = {id: motives.vault.unwrap(id, key) for id, key in wrapped.items()}
    kept: dict[UUID, str] = {}
    late: list[LateMotive] = []
    for event_id, (record_id, sent) in told.items():
        if record_id not in keys:
            continue
        try:
            motive = motives.kept(keys[record_id], event_id, sent)
        except KeyUnknownError as error:
            late.append(LateMotive(record_id, event_id, error.kid, sent))
            continue
        if motive is not None:
            kept[event_id] = motive
    return kept, late


def _recorded(message: Message[LedgerEvent], at: datetime) -> EntryRecorded:
    event = message.event
    return EntryRecorded(
        record_id=event.record_id,
        event_id=message.id,
        event_type=event.ce_type,
        document_id=event.document_id,
        deposit_id=getattr(event, "deposit_id", None),
        recorded_at=at,
    )


def _visibilities(messages: list[Message[LedgerEvent]]) -> dict[tuple[UUID, UUID], Visible]:
    """What the newest labels of each document in the batch say."""
    newest: dict[tuple[UUID, UUID], Visible] = {}
    for message in messages:
        event = message.event
        if isinstance(event, DocumentReceived | DocumentPublished | DocumentRelabelled):
            place, visible = (event.record_id, event.document_id), visible_by(message)  # type: ignore[arg-type] # just looked at
            if place not in newest or visible.version.replaces(newest[place].version):
                newest[place] = visible
    return newest


def _settled_at(event: LedgerEvent) -> datetime:
    return event.published_at if isinstance(event, DocumentPublished) else event.refused_at  # type: ignore[union-attr]
