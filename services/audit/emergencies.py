"""Emergencies by session: who opened what, when, why. And the weeks in which structures are told of theirs. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import InvalidError

MODES = ("bris_de_glace", "centre_15")
READINGS = ("read-document", "find-documents", "read-summary", "read-reimbursements")
PARIS = ZoneInfo("Europe/Paris")
_WEEK = re.compile(r"(20[0-9]{2})-W([0-9]{2})")


class WeekInvalidError(InvalidError):
    """`week` is a week of ISO 8601, such as 2026-W47."""

    code = "week-invalid"
    french = "`week` est une semaine au format ISO 8601, telle que 2026-W47."


@dataclass(frozen=True, slots=True)
class EmergencyAccess:
    """One reading in an emergency. `document_id` is missing where nobody who asks may know it; `motive`: as kept."""

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
    """The readings of one professional in one session, the oldest first."""

    accesses: tuple[EmergencyAccess, ...]

    @property
    def first(self) -> EmergencyAccess:
        """With which it began."""
        return self.accesses[0]

    @property
    def until(self) -> datetime:
        """When something was read last."""
        return self.accesses[-1].occurred_at

    @property
    def motive(self) -> EmergencyAccess | None:
        """The first access that came with a motive."""
        return next((one for one in self.accesses if one.motive is not None), None)

    @property
    def documents(self) -> dict[UUID, datetime]:
        """Those read, in their order, with the time of the first reading."""
        read: dict[UUID, datetime] = {}
        for one in self.accesses:
            if one.document_id is not None:
                read.setdefault(one.document_id, one.occurred_at)
        return read

    @property
    def searches(self) -> int:
        """How often what the record holds was looked for."""
        return sum(one.action == "find-documents" for one in self.accesses)

    @property
    def records(self) -> set[UUID]:
        """Those opened."""
        return {one.record_id for one in self.accesses}


def sessions_of(accesses: Iterable[EmergencyAccess]) -> list[EmergencySession]:
    """The newest first. Without a session's id: what a professional of a structure read within an hour of the clock."""
    grouped: dict[object, list[EmergencyAccess]] = {}
    for one in sorted(accesses, key=lambda access: (access.occurred_at, access.event_id)):
        hour = one.occurred_at.replace(minute=0, second=0, microsecond=0)
        session = one.session_id or hour
        grouped.setdefault((one.actor_id, one.organisation_id, one.mode, session), []).append(one)
    found = [EmergencySession(tuple(one)) for one in grouped.values()]
    return sorted(found, key=lambda session: session.first.occurred_at, reverse=True)


def week_of(text: str) -> tuple[datetime, datetime]:
    """Its first moment and the first one after it, in France. Raises WeekInvalidError."""
    written = _WEEK.fullmatch(text)
    if written is None:
        raise WeekInvalidError
    try:
        monday = datetime.fromisocalendar(int(written[1]), int(written[2]), 1)
    except ValueError as error:
        raise WeekInvalidError from error
    return monday.replace(tzinfo=PARIS), (monday + timedelta(days=7)).replace(tzinfo=PARIS)
