"""Lists the alerts of the caller's own record: what they were about, and whether they were sent."""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.notify.alerts.domain.listed import AlertPlace, ListedAlert
from services.notify.alerts.store import listed
from shared.db.pool import Pool
from shared.erasure.erased_records import erased_among
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.runtime import clock

CLOCKS_DIFFER: Final = timedelta(days=1)


class AlertPage(NamedTuple):
    """Alerts, newest first, and whether there are older ones."""

    alerts: list[ListedAlert]
    has_more: bool


async def list_alerts(
    pool: Pool, caller: Caller, record_id: UUID, limit: int, before: AlertPlace | None = None
) -> AlertPage:
    """Returns a page of alerts, newest first. Alerts of which the holder may not know are left out.

    Raises NotFoundError for a record that is not the caller's or was erased.
    """
    if caller.kind != "patient" or caller.record_id != record_id:
        raise NotFoundError
    place = before or AlertPlace(clock.now() + CLOCKS_DIFFER, UUID(int=0))
    async with pool.acquire() as connection:
        if await erased_among(connection, [record_id]):
            raise NotFoundError
        alerts = await listed.list_alerts(connection, record_id, place.caused_at, place.id, limit + 1)
    return AlertPage(alerts[:limit], len(alerts) > limit)
