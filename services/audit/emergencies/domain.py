"""Groups emergency accesses into sessions, and computes the weeks of a structure's report."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.errors import InvalidError
from shared.moments import FRANCE

_WEEK = re.compile(r"(20[0-9]{2})-W([0-9]{2})")


class WeekInvalidError(InvalidError):
    """`week` must be a week of ISO 8601, such as 2026-W47."""

    code = "week-invalid"
    french = "`week` est une semaine au format ISO 8601, telle que 2026-W47."


@dataclass(frozen=True, slots=True)
class EmergencyAccess:
    """One reading in an emergency.

    `document_id` is None if the reader of the list may not know of it; `motive`: as the ledger stores it.
    """

    event_id: UUID
    occurred_at: datetime
    record_id: UUID
    action: str
    actor_id: str
    profession: str | None
    organisation_id: str | None
    mode: str
    document_id: UUID | None
    session_id: str | None
    motive: str | None


@dataclass(frozen=True, slots=True)
class EmergencySession:
    """The readings of one professional in one session, oldest first."""

    accesses: tuple[EmergencyAccess, ...]

    @property
    def first(self) -> EmergencyAccess:
        """The first reading of the session."""
        return self.accesses[0]

    @property
    def until(self) -> datetime:
        """The time of the last reading."""
        return self.accesses[-1].occurred_at

    @property
    def motive(self) -> EmergencyAccess | None:
        """The first access with a motive; None without any."""
        return next((access for access in self.accesses if access.motive is not None), None)

    @property
    def documents(self) -> dict[UUID, datetime]:
        """The times of the first readings by document id, in the order of reading."""
        read_at_by_document: dict[UUID, datetime] = {}
        for access in self.accesses:
            if access.document_id is not None:
                read_at_by_document.setdefault(access.document_id, access.occurred_at)
        return read_at_by_document

    @property
    def searches(self) -> int:
        """The number of searches."""
        return sum(access.action == "find-documents" for access in self.accesses)

    @property
    def records(self) -> set[UUID]:
        """The ids of the records that were opened."""
        return {access.record_id for access in self.accesses}


def sessions_of(accesses: Iterable[EmergencyAccess]) -> list[EmergencySession]:
    """Returns the sessions, newest first.

    Without a session id, the readings of a professional in a structure are grouped by the hour of the clock.
    """
    grouped: dict[object, list[EmergencyAccess]] = {}
    for access in sorted(accesses, key=lambda access: (access.occurred_at, access.event_id)):
        hour = access.occurred_at.replace(minute=0, second=0, microsecond=0)
        session_key = access.session_id or hour
        grouped.setdefault((access.actor_id, access.organisation_id, access.mode, session_key), []).append(access)
    sessions = [EmergencySession(tuple(access)) for access in grouped.values()]
    return sorted(sessions, key=lambda session_key: session_key.first.occurred_at, reverse=True)


def week_bounds(text: str) -> tuple[datetime, datetime]:
    """Returns the first moment of the week and that of the following week, in French time. Raises WeekInvalidError."""
    match = _WEEK.fullmatch(text)
    if match is None:
        raise WeekInvalidError
    try:
        monday = datetime.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError as error:
        raise WeekInvalidError from error
    return monday.replace(tzinfo=FRANCE), (monday + timedelta(days=7)).replace(tzinfo=FRANCE)
