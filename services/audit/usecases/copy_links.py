"""A record has changed: keep which other one is of the same person, so that its holder sees one list of both."""

from services.audit import store
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.decoding import Message


async def copy_links(connection: Connection, messages: list[Message[RecordChanged]]) -> None:
    """The highest version of each record in the batch, if it is higher than the copy's.

    A record that has only been opened is linked to none: it takes no row.
    """
    latest = {one.event.record_id: one for one in sorted(messages, key=lambda message: message.event.version)}
    changed = [one for one in latest.values() if one.event.version > 1 or one.event.linked_to is not None]
    if changed:
        await store.upsert_links(connection, changed)
