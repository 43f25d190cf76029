"""Somebody asks to see what the ledger says of a record: what is known of it, and the facts for the rules. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access import Facts


@dataclass(frozen=True, slots=True)
class Known:
    """The own copy of a record's state. `told_until`: everything that identity told until then is here; None where that
    is not known, or the copy is broken."""

    status: str = "unknown"
    told_until: datetime | None = None

    def is_fresh(self, now: datetime, limit: timedelta) -> bool:
        """Whether somebody may still act for the holder on its word."""
        return self.told_until is not None and now - self.told_until <= limit


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
