"""The versions of one document: a change that hides or deletes one version does so to all of them.

Whether the change is permitted is decided on the current version. Only archiving is about a single version.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.records.documents.domain.label_changes import document_after
from services.records.facts.domain.documents import DocumentSummary

OF_ONE_VERSION = frozenset({"archive", "unarchive"})


@dataclass(frozen=True, slots=True)
class DocumentVersions:
    """The versions of a document. `requested`: the one that the request names; `all`: every version, oldest first."""

    requested: DocumentSummary
    all: tuple[DocumentSummary, ...]

    @classmethod
    def of(cls, requested: DocumentSummary, published: Iterable[DocumentSummary]) -> "DocumentVersions":
        """Returns the versions of a document from the published ones.

        A document that is not among them (not published, or deleted) is its own only version.
        """
        versions = tuple(published)
        return cls(requested, versions if any(version.id == requested.id for version in versions) else (requested,))

    def deciding_version(self, change: str) -> DocumentSummary:
        """Returns the version on which the rules decide."""
        if change in OF_ONE_VERSION:
            return self.requested
        return next((version for version in self.all if version.life == "current"), self.all[-1])

    def changed_versions(self, change: str, *, by_patient_side: bool) -> tuple[DocumentSummary, ...]:
        """Returns the versions that a change affects, as they are after it, each with a raised `version`."""
        affected = (self.requested,) if change in OF_ONE_VERSION else self.all
        changed = [(version, document_after(version, change, by_patient_side=by_patient_side)) for version in affected]
        return tuple(replace(after, version=version.version + 1) for version, after in changed if after != version)

    def with_changed(self, changed: Iterable[DocumentSummary]) -> "DocumentVersions":
        """Returns these versions after the changed ones have taken their places."""
        changed_by_id = {version.id: version for version in changed}
        return DocumentVersions(
            changed_by_id.get(self.requested.id, self.requested),
            tuple(changed_by_id.get(version.id, version) for version in self.all),
        )
