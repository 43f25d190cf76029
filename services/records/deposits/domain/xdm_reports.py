"""Collects the issues of a DocumentEntry, each with its place."""

from dataclasses import dataclass

from shared.fhir.outcomes import Issue, IssueType


@dataclass(frozen=True, slots=True)
class EntryReport:
    """Adds issues about the DocumentEntry of this number to those of the archive."""

    number: int
    issues: list[Issue]

    @property
    def place(self) -> str:
        """Where the entry is in METADATA.XML."""
        return f"ExtrinsicObject[{self.number}]"

    def add(self, code: str, text: str, kind: IssueType = IssueType.VALUE) -> None:
        """Adds an issue."""
        self.issues.append(Issue(code, text, self.place, kind))

    def missing(self, name: str) -> None:
        """Adds an issue about an attribute that is mandatory."""
        self.add("element-missing", f"Add {name}: it is mandatory.", IssueType.REQUIRED)
