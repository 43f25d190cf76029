"""Accepts the code of an online opening, and issues a ticket for it."""

import secrets
from uuid import UUID

from services.identity.openings.domain.online import (
    MAX_TRIES,
    OpeningCodeWrongError,
    OpeningOverError,
    is_sent_code,
    ticket_hash,
)
from services.identity.openings.store import online
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def prove_contact(pool: Pool, lookups: Keyring, opening_id: UUID, code: str) -> str:
    """Returns the ticket. Five attempts are allowed; of several right codes at once exactly one gets the ticket. The
    response to a wrong code does not depend on whether one was sent.

    Raises OpeningCodeWrongError, OpeningOverError.
    """
    ticket = secrets.token_urlsafe(32)
    refusal: OpeningCodeWrongError | OpeningOverError | None = None
    async with transaction(pool) as connection:
        opening = await online.try_opening(connection, opening_id, clock.now(), MAX_TRIES)
        if opening is None:
            refusal = OpeningOverError()
        elif not is_sent_code(lookups, opening, code):
            refusal = OpeningCodeWrongError()
        else:
            await online.set_proved(connection, opening_id, ticket_hash(lookups, opening_id, ticket))
    if refusal is not None:
        REFUSED.labels("open-record", refusal.code).inc()
        raise refusal
    return ticket
