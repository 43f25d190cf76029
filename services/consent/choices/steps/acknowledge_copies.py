"""Records has applied a state of choices: notes that the version is in force."""

from uuid import UUID

from services.consent.choices.store import states
from shared.contracts.records import CopyApplied
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.runtime.metrics import IN_FORCE_SECONDS


async def acknowledge_copies(connection: Connection, messages: list[Message[CopyApplied]]) -> None:
    """Raises the versions in force. The acknowledgement of a version also covers all earlier ones."""
    versions: dict[UUID, int] = {}
    for event in (message.event for message in messages):
        if event.topic == CONSENT_STATES.name:
            versions[event.record_id] = max(event.version, versions.get(event.record_id, 0))
    if versions:
        now = clock.now()
        for changed_at in await states.raise_versions_in_force(connection, versions):
            IN_FORCE_SECONDS.observe(max(0.0, (now - changed_at).total_seconds()))
