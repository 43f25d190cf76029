"""Somebody asks to see what the ledger says of a record: what is known of it, and the facts for the rules. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access import Facts
from shared.contracts.identity import PersonNamed
from shared.http.tokens import Caller
from shared.messaging.freshness import are_fresh


@dataclass(frozen=True, slots=True)
class Known:
    """The own copies of a record's state and of who represents its holder.

    `record_at`, `people_at`, `erasures_at`: what identity announced of each before these moments is here; None where
    that is not known. `is_broken`: a state, the people or an erasure of this record could not be read.
    """

    status: str = "unknown"
    representatives: tuple[PersonNamed, ...] = ()
    record_at: datetime | None = None
    people_at: datetime | None = None
    erasures_at: datetime | None = None
    is_broken: bool = False

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether somebody may still act for the holder on its word."""
        watermarks = (self.record_at, self.people_at, self.erasures_at)
        return not self.is_broken and are_fresh(watermarks, now, limit)

    def is_represented_by(self, person_id: str, now: datetime) -> bool:
        """Whether that person (the id of their own record) represents the holder at this moment."""
        return any(
            str(one.person_id) == person_id and one.since <= now and (one.until is None or now < one.until)
            for one in self.representatives
        )


def facts_of(caller: Caller, known: Known, now: datetime, limit: timedelta, *, own: bool) -> Facts:
    """`own`: the token speaks for this record. Where it does not no copy counts: all such askers are refused alike."""
    return Facts(
        action="read-access-list",
        actor_kind=caller.kind,
        relation=_relation(caller, known, now) if own else "none",
        mode="normal" if caller.mode == "secret" else caller.mode,
        secret=caller.mode == "secret",
        record_status=known.status,
        copies_fresh=not own or known.is_fresh(now, limit),
    )


def _relation(caller: Caller, known: Known, now: datetime) -> str:
    """Who represents is who identity names now: the token may be older than the end of that."""
    match caller.kind:
        case "patient":
            return "holder"
        case "representative":
            return "representative" if known.is_represented_by(caller.id, now) else "none"
        case _:
            return caller.kind
