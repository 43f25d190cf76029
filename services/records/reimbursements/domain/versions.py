"""What becomes of a line, given what is stored under its key: versions decide, not the order of arrival.

A higher version replaces a lower one, whatever its operation: a correction of an unknown line is a new one, and a
cancelled line stays as key and version, so that an older version revives nothing.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.records.reimbursements.domain.lines import Kind

Effect = Literal["new", "corrected", "cancelled", "unchanged", "differing", "outdated", "expired", "person-changed"]
"""`differing`: the same version came with another content, and the first one stands. `person-changed`: the line is
another person's already, and is refused. `expired`: the day of care is older than what is kept."""
WRITING: frozenset[Effect] = frozenset({"new", "corrected", "cancelled", "expired"})
"""The effects that change what is stored under a key, if anything is."""


@dataclass(frozen=True, slots=True)
class LineState:
    """What is stored under a line's key. `kind` None: the line was cancelled, and `care` is None too.

    `care`: the sealed bytes as stored, or the JSON of a line of this batch. `is_confidential`: whether such a line is.
    """

    key: bytes
    month: date
    version: int
    kind: Kind | None
    care: bytes | None
    is_confidential: bool = False


@dataclass(frozen=True, slots=True)
class ArrivedLine:
    """A line as it arrives for a record: its key there, and the JSON of its care, None where it is cancelled."""

    key: bytes
    month: date
    version: int
    kind: Kind | None
    care: bytes | None
    is_expired: bool
    is_confidential: bool = False


def effect_of(line: ArrivedLine, stored: LineState | None, stored_care: bytes | None) -> Effect:
    """Returns the effect of a line. `stored_care`: the JSON of the stored care, where the versions are equal."""
    if stored is None:
        return _effect(line, "new")
    if stored.key != line.key:
        return "person-changed"
    if line.version < stored.version:
        return "outdated"
    if line.version == stored.version:
        return "unchanged" if line.care == stored_care else "differing"
    return _effect(line, "corrected")


def _effect(line: ArrivedLine, otherwise: Literal["new", "corrected"]) -> Effect:
    if line.is_expired:
        return "expired"
    return "cancelled" if line.care is None else otherwise


def state_after(line: ArrivedLine, stored: LineState | None, effect: Effect) -> LineState | None:
    """Returns what is to be stored under the key, None for nothing.

    A cancelled line stays in its month. So does a line that a correction moves before the days that are kept: nothing
    of it remains but key and version.
    """
    if effect == "expired":
        return None if stored is None else LineState(line.key, stored.month, line.version, None, None)
    if effect == "cancelled" and stored is not None:
        return LineState(line.key, stored.month, line.version, None, None)
    return LineState(line.key, line.month, line.version, line.kind, line.care, line.is_confidential)
