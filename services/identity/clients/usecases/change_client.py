"""Changes a registered client for an administrator: its data, its keys, or whether it is active."""

from collections.abc import Callable

from services.identity.clients.domain.registrations import ClientUnknownError, Registration
from services.identity.clients.steps import announce_change
from services.identity.clients.store import clients
from shared.contracts.base import Actor
from shared.contracts.identity import ClientAction
from shared.db.pool import Pool, transaction

Change = Callable[[Registration], Registration]
"""A rule of `services.identity.clients.domain.registrations` with its arguments."""


async def change_client(pool: Pool, client_id: str, actor: Actor, action: ClientAction, change: Change) -> Registration:
    """Returns the changed registration, with a trace for the ledger; a change without effect leaves none.

    Tokens granted before live on for five minutes at most. Raises ClientUnknownError, ClientNameTakenError, and what
    the rule raises.
    """
    async with transaction(pool) as connection:
        before = await clients.lock_client(connection, client_id)
        if before is None:
            raise ClientUnknownError
        after = change(before)
        if after != before:
            await clients.update_client(connection, after)
            await announce_change(connection, action, after, actor, before)
    return after
