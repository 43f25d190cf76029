"""Signs a person out of their browser."""

from services.identity.browser_sessions.steps.end_session import end_session
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from shared.messaging.outbox import append


async def end_browser_session(storage: Storage, cookie: str | None) -> None:
    """Ends the session that the cookie continues, and deletes its device; without a session, nothing is done."""
    async with storage.transaction() as work:
        _, events = await end_session(work, cookie, forgets_device=True)
        await append(work.connection, [announce(event) for event in events])
