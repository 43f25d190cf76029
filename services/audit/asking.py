"""Somebody asks to see what the ledger says of a record: what is known of it, and the facts for the rules. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access import Facts
from shared.freshness import are_fresh


@dataclass(frozen=True, slots=True)
class Known:
    """The own copy of a record's state.

    `record_at`, `erasures_at`: the states and erasures that identity announced before these moments are here; None
    where that is not known. `is_broken`: a state or an erasure of this record could not be read.
    """

    status: str = "unknown"
    record_at: datetime | None = None
    erasures_at: datetime | None = None
    is_broken: bool = False

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether somebody may still act for the holder on its word."""
        return not self.is_broken and are_fresh((self.record_at, self.erasures_at), now, limit)


def facts_of(kind: str, mode: str, known: Known, now: datetime, limit: timedelta, *, own: bool) -> Facts:
    """`own`: the token speaks for this record. Where it does not no copy counts: all such askers are refused alike."""
    return Facts(
        action="read-access-list",
        actor_kind=kind,
        relation="none" if not own else "holder" if kind == "patient" else kind,
        mode="normal" if mode == "secret" else mode,
        secret=mode == "secret",
        record_status=known.status,
        copies_fresh=not own or known.is_fresh(now, limit),
    )
