"""Signs a holder out of one device or of all devices."""

from uuid import UUID

from services.identity.accounts.domain.sessions import DeviceUnknownError, holder_actor
from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.end_sessions import end_all_sessions, end_device_sessions
from services.identity.accounts.store import sessions
from services.identity.kit.announcements import announce
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock


async def sign_out(pool: Pool, record_id: UUID, session_id: UUID | None, device_id: UUID | None) -> None:
    """Ends the sessions of that device, or of all devices if `device_id` is None. The device is deleted with its
    session, so the next sign-in on it counts as one of a new device. Issued access tokens can change nothing any more;
    they can read until they expire, for at most five minutes.

    Raises SessionOverError, DeviceUnknownError.
    """
    async with transaction(pool) as connection:
        await sessions.lock_sessions(connection, record_id)
        await check_session(connection, session_id)
        now = clock.now()
        if device_id is None:
            ended = await end_all_sessions(connection, record_id, "signed-out", now)
            await sessions.forget_devices(connection, record_id)
        else:
            ended = await end_device_sessions(connection, record_id, device_id, "signed-out", now)
            if not await sessions.forget_device(connection, record_id, device_id):
                raise DeviceUnknownError
        entry = AccessRecorded(
            record_id=record_id,
            actor=holder_actor(record_id),
            action="sign-out",
            outcome="permitted",
            reason="one-device" if device_id else "all-devices",
        )
        await append(connection, [announce(event) for event in (entry, *ended)])
