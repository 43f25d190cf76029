"""Sets how registered software sends messages over MLLP; records knows it once its copy is applied."""

from services.identity.clients.domain.clients import check_grantable
from services.identity.clients.domain.messaging import ClientMessaging, NotMessagingSoftwareError
from services.identity.clients.domain.registrations import ClientUnknownError, administered
from services.identity.clients.steps import client_changed
from services.identity.clients.store import clients
from services.identity.clients.store import messaging as store
from services.identity.kit.announcements import announce
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def set_messaging(
    pool: Pool, client_id: str, actor: Actor, settings: ClientMessaging, held: frozenset[str]
) -> ClientMessaging:
    """Returns the settings, with a trace for the ledger; unchanged ones leave none. `held`: the caller's scopes.

    Raises ClientUnknownError, NotMessagingSoftwareError; ScopeNotGrantableError, because a certificate carries all
    scopes of its client.
    """
    async with transaction(pool) as connection:
        registration = await clients.lock_client(connection, client_id)
        if registration is None:
            raise ClientUnknownError
        if registration.client.kind != "software":
            raise NotMessagingSoftwareError
        check_grantable(registration.client.scopes, held)
        if await store.load_messaging(connection, client_id) != settings:
            await store.save_messaging(connection, client_id, settings)
            trace = administered("change-client", registration, actor, changed=("messaging",))
            await append(connection, [announce(trace), announce(await client_changed(connection, client_id))])
    return settings
