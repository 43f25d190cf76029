"""Business acknowledgements that wait, and the outcomes of attempts to deliver them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shared.delivery_retries import RETRY_PERIOD, retry_delay

SHORTEST_CHECK: Final = timedelta(milliseconds=200)
LONGEST_CHECK: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewAcknowledgement:
    """A business acknowledgement to be sent. `deposit_id` None: the message deleted documents, which is done.

    `header`: its segment MSH; `control_id`: MSH-10 of the message that it acknowledges; `codec`: its character set.
    """

    id: UUID
    client_id: str
    organisation_id: str
    deposit_id: UUID | None
    header: str
    control_id: str
    codec: str


@dataclass(frozen=True, slots=True)
class DueAcknowledgement:
    """One that is due: its outcome is looked for, or it is sent. `tried_since`: the first attempt to send it."""

    acknowledgement: NewAcknowledgement
    created_at: datetime
    attempts: int
    tried_since: datetime | None

    def next_check(self, now: datetime) -> datetime:
        """Returns when to look again whether the deposit is decided: the longer it takes, the later."""
        return now + min(LONGEST_CHECK, max(SHORTEST_CHECK, (now - self.created_at) / 4))

    def next_attempt(self, now: datetime) -> datetime | None:
        """Returns when to try again after an attempt that failed, None where it is given up."""
        if self.tried_since is not None and now >= self.tried_since + RETRY_PERIOD:
            return None
        return now + retry_delay(self.attempts + 1)


@dataclass(frozen=True, slots=True)
class Sent:
    """The listener has accepted it (AA)."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The attempt failed; a later one may succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be accepted."""

    reason: str


SendOutcome = Sent | Deferred | Refused
