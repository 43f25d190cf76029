"""Lists the devices on which a holder has signed in."""

from uuid import UUID

from services.identity.accounts.domain.sessions import Device
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.store import sessions
from services.identity.kit.sealed_rows import Sealed, open_row
from services.identity.kit.unit_of_work import Storage
from shared.runtime import clock


async def list_devices(storage: Storage, record_id: UUID, session_id: UUID | None) -> list[Device]:
    """Returns the devices, the last seen first. Raises SessionOverError."""
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        rows = await sessions.load_devices(work.connection, record_id, clock.now())
    return [
        Device(
            row["id"],
            open_row(storage.keyrings.persons, Sealed(row["key_id"], row["sealed"]), "device", row["id"]).decode(),
            row["first_seen_at"],
            row["last_seen_at"],
            row["session_id"],
        )
        for row in rows
    ]
