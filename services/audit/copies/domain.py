"""The local copies of a record's state and of the people who represent its patient."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.identity import PersonNamed
from shared.messaging.freshness import are_fresh


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """Audit's copy of a record's state and of the people who represent its patient.

    `record_at`, `people_at`, `erasures_at`: audit has what identity announced of each before these moments; None if
    that is not known. `is_broken`: a state, the people or an erasure of this record could not be read.
    """

    status: str = "unknown"
    representatives: tuple[PersonNamed, ...] = ()
    record_at: datetime | None = None
    people_at: datetime | None = None
    erasures_at: datetime | None = None
    is_broken: bool = False

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Returns whether the copies are fresh enough for somebody to act for the patient."""
        watermarks = (self.record_at, self.people_at, self.erasures_at)
        return not self.is_broken and are_fresh(watermarks, now, limit)

    def is_represented_by(self, person_id: str, now: datetime) -> bool:
        """Returns whether this person (by the id of their own record) represents the patient at this moment."""
        return any(
            str(person.person_id) == person_id and person.since <= now and (person.until is None or now < person.until)
            for person in self.representatives
        )
