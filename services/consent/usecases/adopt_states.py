"""This database has lost what a patient chose: the choices become those that the topic holds."""

from services.consent.domain.choices import Choices
from services.consent.domain.states import State
from services.consent.store import recovery, states
from shared.contracts.base import Actor
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.messaging.outbox.lost import SentRecord

OURSELVES = Actor(kind="system", id="consent")
ACTION = "recover-state"


async def adopt_states(connection: Connection, record: SentRecord, is_changed_since: bool) -> bool:
    """Takes the topic's state of one record over, at its version. False for what the event does not hold whole, and for
    choices that were changed here since: those stand above the topic's version, so that they do not count as in force;
    the next change announces them.
    """
    if record.place.topic != CONSENT_STATES.name or record.body is None:
        return False
    event = ConsentStateChanged.model_validate_json(record.body)
    present = await states.lock_state(connection, event.record_id)
    if event.authorisations is None or is_changed_since:
        if present is not None:
            await recovery.raise_version(connection, event.record_id, event.version + 1)
        return False
    state = State(event.record_id, event.version, _choices(event), event.changed_at, record_version=0)
    await recovery.adopt_state(connection, state, ACTION, OURSELVES)
    return True


def _choices(event: ConsentStateChanged) -> Choices:
    return Choices(**{name: getattr(event, name) for name in Choices.model_fields})
