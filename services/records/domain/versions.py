"""The versions of one document: what hides or deletes one of them does so to all.

Whether that may be is decided on the current one. Archiving alone is about a single version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.records.domain.documents import Head
from services.records.domain.patching import after

OF_ONE_VERSION = frozenset({"archive", "unarchive"})


@dataclass(frozen=True, slots=True)
class Versions:
    """`asked`: the one that is asked about; `all`: that one too, the oldest first."""

    asked: Head
    all: tuple[Head, ...]

    @classmethod
    def of(cls, asked: Head, found: Iterable[Head]) -> "Versions":
        """A document that was not published, or is deleted, is no version of what is."""
        versions = tuple(found)
        return cls(asked, versions if any(one.id == asked.id for one in versions) else (asked,))

    def decided_on(self, change: str) -> Head:
        """The version of which the rules are asked."""
        if change in OF_ONE_VERSION:
            return self.asked
        return next((one for one in self.all if one.life == "current"), self.all[-1])

    def changed(self, change: str, *, by_patient_side: bool) -> tuple[Head, ...]:
        """The versions that a change makes others, as they are after it: each with its next version of labels."""
        about = (self.asked,) if change in OF_ONE_VERSION else self.all
        changed = [(one, after(one, change, by_patient_side=by_patient_side)) for one in about]
        return tuple(replace(new, version=one.version + 1) for one, new in changed if new != one)

    def with_changed(self, changed: Iterable[Head]) -> "Versions":
        """The versions with those that were changed."""
        new = {one.id: one for one in changed}
        return Versions(new.get(self.asked.id, self.asked), tuple(new.get(one.id, one) for one in self.all))
