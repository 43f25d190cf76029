"""Enters events in the ledger, each once, and announces the entries of settled deposits."""

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from services.audit.kit.announcements import announce_effect
from services.audit.ledger import store
from services.audit.ledger.adapters import MotiveVault
from services.audit.ledger.domain.entries import LedgerEvent, entry_of
from services.audit.ledger.domain.quarantine import entry_of_foreign_report
from services.audit.ledger.domain.visibilities import DocumentVisibility, visibility_of
from services.audit.ledger.domain.writers import WRITER_MISMATCH, may_report
from services.audit.ledger.store import LateMotive
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

SettledEvent: TypeAlias = DocumentPublished | DocumentRefused
SETTLED_EVENTS = (DocumentPublished, DocumentRefused)
"""The events whose entries are announced, because the tracking of a deposit needs them."""


async def write_entries(motives: MotiveVault, connection: Connection, messages: list[Message[LedgerEvent]]) -> None:
    """Inserts the entries of new events; an event that comes again is neither entered nor announced a second time.

    A motive whose key is not here yet is stored apart; its entry does not wait for it. Late events of an erased record
    are entered too, but no visibility of its documents is stored, and no motive, because its key is gone. An access
    that the writer of its topic may not report is quarantined.
    """
    recorded_at = clock.now()
    messages, foreign_reports = _split_by_writer(messages)
    resealed, late_motives = await _reseal_motives(motives, connection, messages)
    entries = [entry_of(message, resealed.get(message.id)) for message in messages]
    entries += [entry_of_foreign_report(message, WRITER_MISMATCH) for message in foreign_reports]
    new_ids = await store.insert_entries(connection, entries, recorded_at)
    if new_late_motives := [motive for motive in late_motives if motive.event_id in new_ids]:
        await store.insert_late_motives(connection, new_late_motives)
    if visibilities := _visibilities(messages):
        erased = await erased_among(connection, (record_id for record_id, _ in visibilities))
        remaining = {key: visibility for key, visibility in visibilities.items() if key[0] not in erased}
        await store.upsert_visibilities(connection, remaining)
    entered = {message.id: message for message in messages if message.id in new_ids}
    settled = [message for message in entered.values() if isinstance(message.event, SETTLED_EVENTS)]
    for message in settled:
        STEP_SECONDS.labels("audited").observe(max(0.0, (recorded_at - _settled_at(message.event)).total_seconds()))
    announcements = [announce_effect(_entry_recorded(message, recorded_at), cause=message) for message in settled]
    await append(connection, announcements)


def _split_by_writer(
    messages: list[Message[LedgerEvent]],
) -> tuple[list[Message[LedgerEvent]], list[Message[LedgerEvent]]]:
    """Returns the messages that the writers of their topics may report, and the others, which it logs.

    It raises no error: a service that makes a report of another service must not stop the ledger.
    """
    own_reports: list[Message[LedgerEvent]] = []
    foreign_reports: list[Message[LedgerEvent]] = []
    for message in messages:
        event = message.event
        is_own = not isinstance(event, AccessRecorded) or may_report(message.topic, event)
        (own_reports if is_own else foreign_reports).append(message)
    for message in foreign_reports:
        DEAD_LETTERED.labels(AUDIT_LEDGER.name, WRITER_MISMATCH).inc()
        place: dict[str, Any] = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
        log("message.dead_lettered", group=AUDIT_LEDGER.name, code=WRITER_MISMATCH, **place)
    return own_reports, foreign_reports


class ResealedMotives(NamedTuple):
    """The motives of a batch.

    `by_event`: motives encrypted under the key of their record, by event id. `late`: motives whose key is not here yet.
    """

    by_event: dict[UUID, str]
    late: list[LateMotive]


async def _reseal_motives(
    motives: MotiveVault, connection: Connection, messages: list[Message[LedgerEvent]]
) -> ResealedMotives:
    """Returns the motives under their records' own keys, and those whose key is not here yet."""
    sent_motives = {
        message.id: (message.event.record_id, message.event.motive)
        for message in messages
        if isinstance(message.event, AccessRecorded) and message.event.motive is not None
    }
    if not sent_motives:
        return ResealedMotives({}, [])
    record_ids = {record_id for record_id, _ in sent_motives.values()}
    remaining = sorted(record_ids - await erased_among(connection, record_ids))
    wrapped = await store.ensure_keys(connection, {id: motives.vault.new_key(id) for id in remaining})
    keys = {id: motives.vault.unwrap(id, key) for id, key in wrapped.items()}
    resealed: dict[UUID, str] = {}
    late: list[LateMotive] = []
    for event_id, (record_id, sent) in sent_motives.items():
        if record_id not in keys:
            continue
        try:
            motive = motives.reseal(keys[record_id], event_id, sent)
        except KeyUnknownError as error:
            late.append(LateMotive(record_id, event_id, error.kid, sent))
            continue
        if motive is not None:
            resealed[event_id] = motive
    return ResealedMotives(resealed, late)


def _entry_recorded(message: Message[LedgerEvent], at: datetime) -> EntryRecorded:
    event: SettledEvent = message.event  # type: ignore[assignment]  # its event was just checked
    return EntryRecorded(
        record_id=event.record_id,
        event_id=message.id,
        event_type=event.ce_type,
        document_id=event.document_id,
        deposit_id=event.deposit_id,
        recorded_at=at,
    )


def _visibilities(messages: list[Message[LedgerEvent]]) -> dict[tuple[UUID, UUID], DocumentVisibility]:
    """Returns the newest visibility of each document in the batch, by record id and document id."""
    newest: dict[tuple[UUID, UUID], DocumentVisibility] = {}
    for message in messages:
        event = message.event
        if isinstance(event, DocumentReceived | DocumentPublished | DocumentRelabelled):
            key = event.record_id, event.document_id
            visible = visibility_of(message)  # type: ignore[arg-type] # its event was just checked
            if key not in newest or visible.version.replaces(newest[key].version):
                newest[key] = visible
    return newest


def _settled_at(event: LedgerEvent) -> datetime:
    return event.published_at if isinstance(event, DocumentPublished) else event.refused_at  # type: ignore[union-attr]
