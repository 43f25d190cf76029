"""Who may know of a document, by its labels. Pure."""

from dataclasses import dataclass
from typing import TypeAlias

from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentPublished, DocumentReceived, DocumentRelabelled
from shared.messaging.envelope import Message
from shared.terminology.visibility import KNOWN_LABELS, Visibility

LabelledEvent: TypeAlias = DocumentReceived | DocumentPublished | DocumentRelabelled
"""Events that state the labels of a document."""


@dataclass(frozen=True, slots=True)
class DocumentVisibility:
    """Whether the patient and representatives may know of a document, and the version of its labels that says so."""

    to_patient: bool
    to_representatives: bool
    version: LabelVersion


def visibility_of(message: Message[LabelledEvent]) -> DocumentVisibility:
    """Returns the visibility that the event's labels give a document. A label unknown to this release may hide it, so
    it does."""
    labels = message.event.labels
    are_known = KNOWN_LABELS.issuperset(labels)
    return DocumentVisibility(
        are_known and Visibility.INVISIBLE_TO_PATIENT not in labels,
        are_known and Visibility.INVISIBLE_TO_REPRESENTATIVES not in labels,
        LabelVersion.of(message),
    )
