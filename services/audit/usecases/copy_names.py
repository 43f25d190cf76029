"""A professional or a structure has changed: keep the name that a patient's list shows."""

from services.audit import store
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def copy_names(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """The highest version of each in the batch, if it is higher than the copy's. Returns the keys of newer copies."""
    professionals: dict[str, Message[ProfessionalChanged]] = {}
    structures: dict[str, Message[StructureChanged]] = {}
    for message in sorted(messages, key=lambda one: one.event.version):
        if isinstance(message.event, ProfessionalChanged):
            professionals[message.event.key] = message  # type: ignore[assignment] # its event was just looked at
        else:
            structures[message.event.key] = message  # type: ignore[assignment] # the other of the two
    applied: set[bytes] = set()
    if professionals:
        applied |= await store.upsert_professionals(connection, list(professionals.values()))
    if structures:
        applied |= await store.upsert_structures(connection, list(structures.values()))
    return applied
