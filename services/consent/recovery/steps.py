"""Returns the present states of consent, page by page, as they are announced onto another Kafka cluster."""

from uuid import UUID

from services.consent.choices.store.states import lock_state
from services.consent.kit.announcements import announce
from services.consent.matrices.store import list_matrices
from services.consent.recovery.store import page_record_ids
from shared.contracts.topics import CONSENT_MATRICES, CONSENT_STATES
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Connection
from shared.messaging.outbox.announce_anew import StatePage, StateSource
from shared.runtime.clock import bucket_of


async def choices_page(connection: Connection, position: str) -> StatePage:
    """Returns the present choices of the next records."""
    bucket, _, id = position.partition("/")
    after = (int(bucket), UUID(id)) if position else BEFORE_ALL
    record_ids = await page_record_ids(connection, after)
    states = [await lock_state(connection, record_id) for record_id in record_ids]
    announcements = [announce(state.as_event()) for state in states if state is not None]
    return StatePage(announcements, f"{bucket_of(record_ids[-1])}/{record_ids[-1]}" if record_ids else None)


async def matrices_page(connection: Connection, _: str) -> StatePage:
    """Returns all versions of the matrix, which are few."""
    return StatePage([announce(stored.as_event()) for stored in await list_matrices(connection)], None)


STATE_SOURCES = (
    StateSource(CONSENT_MATRICES.name, matrices_page),
    StateSource(CONSENT_STATES.name, choices_page),
)
"""The sources of all states of consent."""
