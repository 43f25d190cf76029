"""What lost events make of a document: never more open than they say."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.records.facts.domain.documents import DocumentSummary
from services.records.recovery.domain import replay
from shared.contracts.base import Actor
from shared.contracts.records import DocumentPublished, DocumentRelabelled, DocumentReplaced, DocumentWithdrawn
from shared.runtime import clock

NOW = clock.now()
IDS: dict[str, Any] = {
    "record_id": uuid4(),
    "document_id": uuid4(),
    "deposit_id": uuid4(),
    "organisation_id": "1750000001",
}
MASKED = ("N", "MASQUE_PS")
PATIENT, AUTHOR = Actor(kind="patient", id="p"), Actor(kind="professional", id="899700000001")
DOCUMENT = DocumentSummary(
    id=IDS["document_id"],
    record_id=IDS["record_id"],
    deposit_id=IDS["deposit_id"],
    status="published",
    type="11488-4",
    class_code="10",
    section="CPT_REND",
    labels=frozenset({"N"}),
    organisation_id="1750000001",
    client_id="software-1",
    author_ids=frozenset(),
    received_at=NOW,
)


def relabelled(change: str, labels: tuple[str, ...], version: int | None, actor: Actor = PATIENT) -> DocumentRelabelled:
    return DocumentRelabelled(**IDS, actor=actor, change=change, labels=labels, version=version, changed_at=NOW)


def published(labels: tuple[str, ...], **fields: Any) -> DocumentPublished:
    return DocumentPublished(**IDS, labels=labels, decision_id=uuid4(), received_at=NOW, published_at=NOW, **fields)


def after(
    event: Any, summary: DocumentSummary = DOCUMENT, present_ids: frozenset[UUID] = frozenset()
) -> DocumentSummary:
    return replay(summary, event, present_ids)


@pytest.mark.parametrize(("actor", "masker"), [(PATIENT, "patient"), (AUTHOR, "author")])
def test_a_mask_is_that_of_who_set_it(actor: Actor, masker: str) -> None:
    assert after(relabelled("mask", MASKED, 2, actor)).masked_by == masker


def test_a_mask_that_came_by_an_event_that_is_gone_too_is_the_patients() -> None:
    assert after(relabelled("archive", MASKED, 4)).masked_by == "patient"
    masked = replace(DOCUMENT, labels=frozenset(MASKED), masked_by="author")
    assert after(relabelled("hide-from-patient", MASKED, 2), masked).masked_by == "author"
    assert after(relabelled("hide-from-patient", MASKED, 3), masked).masked_by == "patient"


def test_a_mask_of_a_publication_that_does_not_say_whose_it_is_is_the_patients() -> None:
    received = replace(DOCUMENT, status="received")
    assert after(published(MASKED), received).masked_by == "patient"
    assert after(published(MASKED, masked_by="author"), received).masked_by == "author"
    assert after(published(("N",), shown_to_representatives=True), received).shown_to_representatives


def test_versions_only_rise() -> None:
    newer = replace(DOCUMENT, version=7)
    assert after(relabelled("unmask", ("N",), 6), newer) == newer
    assert after(relabelled("mask", MASKED, 9), newer).version == 9
    assert after(relabelled("mask", MASKED, None), newer).version == 8, "the release before did not count"
    withdrawn = DocumentWithdrawn(**IDS, actor=AUTHOR, withdrawn_at=NOW)
    assert (after(withdrawn, newer).version, after(withdrawn, newer).life) == (8, "deleted")


def test_a_document_whose_replacement_is_lost_keeps_its_place() -> None:
    event = DocumentReplaced(**IDS, replaced_by=uuid4(), actor=AUTHOR, replaced_at=NOW)
    assert after(event).life == "current"
    assert after(event, present_ids=frozenset({event.replaced_by})).life == "superseded"
