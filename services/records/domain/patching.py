"""What a document becomes by a change of its labels or its life, and by which changes it becomes what is asked for."""

from dataclasses import dataclass, replace
from typing import ClassVar

from services.records.domain.documents import Head
from shared.errors import ClientError
from shared.terminology.visibility import Visibility, label, normalised

_CHANGES = {
    Visibility.MASKED: ("mask", "unmask"),
    Visibility.INVISIBLE_TO_PATIENT: ("hide-from-patient", "show-to-patient"),
    Visibility.INVISIBLE_TO_REPRESENTATIVES: ("hide-from-representatives", "show-to-representatives"),
}
_LABEL_OF = {code: (one, code == set_) for one, (set_, lift) in _CHANGES.items() for code in (set_, lift)}


class VersionDiffersError(ClientError):
    """The document was changed since. Read it again, and send its ETag as If-Match."""

    code = "version-differs"
    french = "Le document a changé entre-temps. Relisez-le, puis recommencez."
    status: ClassVar[int] = 412


@dataclass(frozen=True, slots=True)
class Asked:
    """What a document is to be."""

    labels: frozenset[str]
    archived: bool
    deleted: bool
    masks: bool = False
    """Whether the patch itself sets MASQUE_PS, be it there already or not."""


def changes_between(head: Head, asked: Asked, *, by_patient_side: bool) -> list[str]:
    """Codes of the access rules, what is lifted before what is set; `delete` stands alone.

    Who is of the patient's side and masks what its author has masked makes the mask the patient's.
    """
    if asked.deleted:
        return ["delete"]
    is_masked = Visibility.MASKED in head.labels and Visibility.MASKED in asked.labels
    taken_over = is_masked and by_patient_side and asked.masks and head.masked_by != "patient"
    lifted = [lift for one, (_, lift) in _CHANGES.items() if one in head.labels and one not in asked.labels]
    set_ = [code for one, (code, _) in _CHANGES.items() if one in asked.labels and one not in head.labels]
    moved = [] if asked.archived == head.archived else ["archive" if asked.archived else "unarchive"]
    return lifted + set_ + (["mask"] if taken_over else []) + moved


def after(head: Head, change: str, *, by_patient_side: bool) -> Head:
    """The document with one change made."""
    match change:
        case "delete":
            return replace(head, life="deleted", archived=False)
        case "archive" | "unarchive":
            return replace(head, archived=change == "archive")
        case "mask":
            masker = "patient" if by_patient_side else "author"
            return replace(head, labels=labels_after(head.labels, change), masked_by=masker)
        case "unmask":
            return replace(head, labels=labels_after(head.labels, change), masked_by=None)
        case "show-to-representatives":
            return replace(head, labels=labels_after(head.labels, change), shown_to_representatives=True)
        case _:
            return replace(head, labels=labels_after(head.labels, change))


def labels_after(labels: frozenset[str], change: str) -> frozenset[str]:
    """The labels with one change made."""
    if change not in _LABEL_OF:
        return labels
    one, is_set = _LABEL_OF[change]
    return labels | {one.value} if is_set else labels - {one.value}


def sorted_labels(labels: frozenset[str]) -> tuple[str, ...]:
    """As they are stored and told."""
    return normalised(found for code in labels if (found := label(code)) is not None)
