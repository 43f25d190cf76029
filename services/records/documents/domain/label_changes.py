"""Changes of a document's labels and life: which changes lead to a requested state, and what each one does."""

from dataclasses import dataclass, replace
from typing import ClassVar

from services.records.facts.domain.documents import DocumentSummary
from shared.errors import ClientError
from shared.terminology.visibility import Visibility, label, normalised

_CHANGES: dict[Visibility, tuple[str, str]] = {
    Visibility.MASKED: ("mask", "unmask"),
    Visibility.INVISIBLE_TO_PATIENT: ("hide-from-patient", "show-to-patient"),
    Visibility.INVISIBLE_TO_REPRESENTATIVES: ("hide-from-representatives", "show-to-representatives"),
}
_LABEL_SET_BY = {setting: label_code for label_code, (setting, _) in _CHANGES.items()}
_LABEL_LIFTED_BY = {lifting: label_code for label_code, (_, lifting) in _CHANGES.items()}


class VersionDiffersError(ClientError):
    """The document has changed since you read it. Read it again, and send its ETag as If-Match."""

    code = "version-differs"
    french = "Le document a changé entre-temps. Relisez-le, puis recommencez."
    status: ClassVar[int] = 412


@dataclass(frozen=True, slots=True)
class TargetState:
    """The state that a request wants a document to have."""

    labels: frozenset[str]
    archived: bool
    deleted: bool
    sets_mask: bool = False
    """Whether the request itself sets MASQUE_PS, even where the document already has it."""


def changes_between(summary: DocumentSummary, target: TargetState, *, by_patient_side: bool) -> list[str]:
    """Returns the codes of the changes (as in the access rules), those that lift before those that set.

    `delete` stands alone. When the patient side masks a document that its author has masked, the mask becomes the
    patient's.
    """
    if target.deleted:
        return ["delete"]
    stays_masked = Visibility.MASKED in summary.labels and Visibility.MASKED in target.labels
    taken_over = stays_masked and by_patient_side and target.sets_mask and summary.masked_by != "patient"
    lifted = [lift for code, (_, lift) in _CHANGES.items() if code in summary.labels and code not in target.labels]
    added = [change for code, (change, _) in _CHANGES.items() if code in target.labels and code not in summary.labels]
    archiving = [] if target.archived == summary.archived else ["archive" if target.archived else "unarchive"]
    return lifted + added + (["mask"] if taken_over else []) + archiving


def document_after(summary: DocumentSummary, change: str, *, by_patient_side: bool) -> DocumentSummary:
    """Returns the document after one change."""
    match change:
        case "delete":
            return replace(summary, life="deleted", archived=False)
        case "archive" | "unarchive":
            return replace(summary, archived=change == "archive")
        case "mask":
            masker = "patient" if by_patient_side else "author"
            return replace(summary, labels=labels_after(summary.labels, change), masked_by=masker)
        case "unmask":
            return replace(summary, labels=labels_after(summary.labels, change), masked_by=None)
        case "show-to-representatives":
            return replace(summary, labels=labels_after(summary.labels, change), shown_to_representatives=True)
        case _:
            return replace(summary, labels=labels_after(summary.labels, change))


def labels_after(labels: frozenset[str], change: str) -> frozenset[str]:
    """Returns the labels after one change."""
    if change in _LABEL_SET_BY:
        return labels | {_LABEL_SET_BY[change].value}
    if change in _LABEL_LIFTED_BY:
        return labels - {_LABEL_LIFTED_BY[change].value}
    return labels


def sorted_labels(labels: frozenset[str]) -> tuple[str, ...]:
    """Returns the labels in the order in which they are stored and announced."""
    return normalised(known_label for code in labels if (known_label := label(code)) is not None)
