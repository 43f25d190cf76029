"""A request to read the ledger of a record: the copies about the record, and the facts for the access rules. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access import Facts
from shared.contracts.identity import PersonNamed
from shared.http.tokens import Caller
from shared.messaging.freshness import are_fresh


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """Audit's copy of a record's state and of who represents its patient.

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
        """Whether the copies are fresh enough for somebody to act for the patient."""
        watermarks = (self.record_at, self.people_at, self.erasures_at)
        return not self.is_broken and are_fresh(watermarks, now, limit)

    def is_represented_by(self, person_id: str, now: datetime) -> bool:
        """Whether that person, given by the id of their own record, represents the patient at this moment."""
        return any(
            str(person.person_id) == person_id and person.since <= now and (person.until is None or now < person.until)
            for person in self.representatives
        )


def access_list_facts(
    caller: Caller, copy: RecordCopy, now: datetime, limit: timedelta, *, is_own_record: bool
) -> Facts:
    """Returns the facts of a request. `is_own_record`: the caller's token was issued for this record; otherwise no copy
    counts, so that all such callers are refused alike."""
    return Facts(
        action="read-access-list",
        actor_kind=caller.kind,
        relation=_relation(caller, copy, now) if is_own_record else "none",
        mode="normal" if caller.mode == "secret" else caller.mode,
        secret=caller.mode == "secret",
        record_status=copy.status,
        copies_fresh=not is_own_record or copy.is_fresh(now, limit),
    )


def _relation(caller: Caller, copy: RecordCopy, now: datetime) -> str:
    """Identity's copy says who represents now: a token may be older than the end of a representation."""
    match caller.kind:
        case "patient":
            return "holder"
        case "representative":
            return "representative" if copy.is_represented_by(caller.id, now) else "none"
        case _:
            return caller.kind
