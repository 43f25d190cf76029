"""Applies other services' state to the local copies: records, choices, people, matrices, professions, clients.

After the commit of a copy, no read under the older version can follow.
"""

from services.records.copies.domain.people_to_call import resealed
from services.records.copies.store import copies as store
from services.records.copies.store.clients import upsert_clients
from services.records.copies.store.copies import RecordFingerprint
from services.records.copies.store.people_to_call import SealedPeopleToCall, load_keys, upsert_people_to_call
from services.records.copies.store.professions import upsert_professions
from services.records.kit.announcements import announce_effect
from shared.contracts.consent import ConsentStateChanged, MatrixChanged
from shared.contracts.identity import (
    ClientChanged,
    PeopleChanged,
    PeopleToCallChanged,
    ProfessionalChanged,
    RecordChanged,
    StructureChanged,
)
from shared.contracts.records import CopyApplied
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append


async def apply_record_copies(
    vault: Vault, connection: Connection, messages: list[Message[RecordChanged]]
) -> set[bytes]:
    """Applies and announces newer versions, and creates the data keys of new records.

    Returns the message keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    stored = await store.lock_records(connection, sorted(latest))
    newer = [latest[id] for id in sorted(latest) if id not in stored or stored[id].version < latest[id].event.version]
    if not newer:
        return set()
    applied = await store.upsert_records(connection, newer)
    applied_messages = [message for message in newer if message.event.record_id in applied]
    await store.insert_keys(
        connection,
        {id: vault.new_key(id) for message in applied_messages if (id := message.event.record_id) not in stored},
    )
    fingerprints = [RecordFingerprint(message.event.ins, message.event.record_id) for message in applied_messages]
    former = [
        RecordFingerprint(stored[new.record_id].ins, new.record_id) for new in fingerprints if new.record_id in stored
    ]
    outdated = [fingerprint for fingerprint in former if fingerprint not in set(fingerprints)]
    await store.replace_fingerprints(connection, fingerprints, outdated)
    await append(
        connection,
        [
            announce_effect(
                CopyApplied(record_id=message.event.record_id, topic=message.topic, version=message.event.version),
                cause=message,
            )
            for message in applied_messages
        ],
    )
    return {message.key for message in applied_messages}


async def apply_consent_copies(connection: Connection, messages: list[Message[ConsentStateChanged]]) -> set[bytes]:
    """Applies and announces newer versions; locks the records' rows first, which waits for reads in progress.

    A version that is older than the copy is answered with the copy: consent has lost the newer one. Returns the message
    keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    applied = await store.upsert_consent_states(connection, [latest[id] for id in ids])
    await store.note_ended_doctors(connection, [latest[id].event for id in ids if id in applied])
    applied_messages = [latest[id] for id in ids if id in applied]
    newer = await store.newer_choices(connection, [latest[id].event for id in ids if id not in applied])
    await append(
        connection,
        [
            announce_effect(
                CopyApplied(record_id=message.event.record_id, topic=message.topic, version=message.event.version),
                cause=message,
            )
            for message in applied_messages
        ]
        + [
            announce_effect(
                CopyApplied(
                    record_id=id,
                    topic=latest[id].topic,
                    version=stored.version,
                    choices=stored.choices.model_dump(mode="json", by_alias=True),
                ),
                cause=latest[id],
            )
            for id, stored in newer.items()
        ],
    )
    return {message.key for message in applied_messages}


async def apply_people_copies(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """Applies and announces newer versions; locks the records' rows first, which waits for reads in progress.

    Returns the message keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    applied = await store.upsert_people(connection, [latest[id] for id in ids])
    applied_messages = [latest[id] for id in ids if id in applied]
    await append(
        connection,
        [
            announce_effect(
                CopyApplied(record_id=message.event.record_id, topic=message.topic, version=message.event.version),
                cause=message,
            )
            for message in applied_messages
        ],
    )
    return {message.key for message in applied_messages}


async def apply_call_copies(
    vault: Vault, ring: Keyring, connection: Connection, messages: list[Message[PeopleToCallChanged]]
) -> set[bytes]:
    """Stores newer lists of people to call under the records' data keys, which are made where a record is not here yet.

    No decision rests on them. Returns the message keys whose copy is newer now. Raises PeopleToCallInvalidError,
    SealBrokenError, KeyUnknownError.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    keys = await load_keys(connection, ids)
    if missing := [id for id in ids if id not in keys]:
        await store.insert_keys(connection, {id: vault.new_key(id) for id in missing})
        keys |= await load_keys(connection, missing)
    lists = [
        SealedPeopleToCall(
            id, message.event.version, message.partition, resealed(ring, vault.unwrap(id, keys[id]), message.event)
        )
        for id, message in sorted(latest.items())
    ]
    return {str(id).encode() for id in await upsert_people_to_call(connection, lists)}


async def apply_matrix_copies(connection: Connection, messages: list[Message[MatrixChanged]]) -> set[bytes]:
    """Stores newer versions of matrices. Announces nothing, because a matrix is about no single record.

    Returns the message keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.name)
    applied = await store.upsert_matrices(connection, [latest[name].event for name in sorted(latest)])
    return {name.encode() for name in applied}


async def apply_profession_copies(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores newer versions of professionals; skips structures, which share their topic.

    Returns the message keys of newer copies and of all structures, of which no copy is stored.
    """
    events = [message.event for message in messages if isinstance(message.event, ProfessionalChanged)]
    latest = {event.professional_id: event for event in sorted(events, key=lambda event: event.version)}
    applied = await upsert_professions(connection, list(latest.values())) if latest else set()
    structures = {message.key for message in messages if isinstance(message.event, StructureChanged)}
    return {id.encode() for id in applied} | structures


async def apply_client_copies(connection: Connection, messages: list[Message[ClientChanged]]) -> set[bytes]:
    """Stores newer versions of registered software. Returns the message keys whose copy is newer now."""
    latest = newest_of_each(messages, lambda event: event.client_id)
    applied = await upsert_clients(connection, [latest[id].event for id in sorted(latest)])
    return {id.encode() for id in applied}
