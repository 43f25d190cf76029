"""Recovers choices that this database has lost: takes them from the topic."""

from services.consent.choices.domain.choices import Choices
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.store import recovery, states
from shared.contracts.base import Actor
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.messaging.outbox.lost import SentRecord

SERVICE_ACTOR = Actor(kind="system", id="consent")
RECOVERY_ACTION = "recover-state"


async def adopt_states(connection: Connection, record: SentRecord, is_changed_since: bool) -> bool:
    """Stores the topic's state of one record at its version. Returns False if it was not adopted: the event does not
    hold all choices, or they were changed here since.

    Choices that were changed here get a version above the topic's, so that they do not count as in force; the next
    change announces them.
    """
    if record.place.topic != CONSENT_STATES.name or record.body is None:
        return False
    event = ConsentStateChanged.model_validate_json(record.body)
    stored = await states.lock_state(connection, event.record_id)
    if event.authorisations is None or is_changed_since:
        if stored is not None:
            await recovery.raise_version(connection, event.record_id, event.version + 1)
        return False
    state = ConsentState(event.record_id, event.version, _choices(event), event.changed_at, record_version=0)
    await recovery.adopt_state(connection, state, RECOVERY_ACTION, SERVICE_ACTOR)
    return True


def _choices(event: ConsentStateChanged) -> Choices:
    return Choices(**{name: getattr(event, name) for name in Choices.model_fields})
