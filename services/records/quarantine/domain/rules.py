"""What quarantine keeps, and for how long."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

UnknownPersons = Literal["refuse", "keep"]
MOST_CODES_PER_BODY: Final = 10
"""Rows without a body that an organisation may have for each row that it may have with one."""


@dataclass(frozen=True, slots=True)
class QuarantineRules:
    """`period`: how long a refused submission is kept. `unknown`: whether that of a person without an open record is
    kept at all, and then for `unknown_period`. `max_bodies`, `max_bytes`: limits for each organisation."""

    period: timedelta = timedelta(days=30)
    unknown: UnknownPersons = "refuse"
    unknown_period: timedelta = timedelta(days=30)
    max_bodies: int = 10_000
    max_bytes: int = 2_000_000_000

    def keeps_body(self, *, has_open_record: bool) -> bool:
        """Returns whether the request itself may be kept, or only its code, time and keyed digest."""
        return has_open_record or self.unknown == "keep"

    def period_of(self, *, has_open_record: bool, has_body: bool) -> timedelta:
        """Returns for how long a submission is kept."""
        return self.period if has_open_record or not has_body else min(self.period, self.unknown_period)


@dataclass(frozen=True, slots=True)
class Holding:
    """What an organisation has in quarantine: rows, those with a body, and the bytes of these."""

    rows: int
    bodies: int
    bytes: int

    def has_room_for_body(self, rules: QuarantineRules, size: int) -> bool:
        """Returns whether one more request of this size may be kept."""
        return self.bodies < rules.max_bodies and self.bytes + size <= rules.max_bytes

    def has_room_for_code(self, rules: QuarantineRules) -> bool:
        """Returns whether one more row may be kept."""
        return self.rows < rules.max_bodies * (MOST_CODES_PER_BODY + 1)
