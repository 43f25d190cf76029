"""A search with thousands of combinations of facts fits into one entry of the ledger, and comes out whole."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.records.kit.announcements import announce
from shared.contracts.audit import AccessRecorded, CombinationDecided
from shared.contracts.base import Actor
from shared.messaging.outbox.append import LARGEST_BODY


def searched(combinations: int) -> AccessRecorded:
    decisions = tuple(
        CombinationDecided(
            facts={
                "document_type": f"{number}-4",
                "document_class": str(number % 40),
                "section": "CPT_REND",
                "labels": ("N", "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS"),
                "life": "superseded",
                "was_hidden_from_representatives": bool(number % 2),
                "depositor": f"{899700000000 + number}",
            },
            outcome="permitted" if number % 3 else "refused",
            reason="masked-to-professionals",
        )
        for number in range(combinations)
    )
    return AccessRecorded(
        record_id=uuid4(),
        actor=Actor(kind="professional", id="899700000001"),
        action="find-documents",
        outcome="permitted",
        reason="authorised",
        combinations=decisions,
    )


def test_five_thousand_combinations_fit_into_one_entry_and_come_out_as_they_were() -> None:
    event = searched(5000)
    assert len(event.model_dump_json()) > LARGEST_BODY
    body = announce(event.packed()).body
    assert body is not None
    assert len(body) < LARGEST_BODY / 4
    assert AccessRecorded.model_validate_json(body) == event


def test_few_combinations_travel_in_clear() -> None:
    event = searched(20)
    assert event.packed() is event


@pytest.mark.parametrize("packed", ["", "no base64!", "eJwDAAAAAAE=", "AAAA"])
def test_what_cannot_be_unpacked_is_an_invalid_event(packed: str) -> None:
    with pytest.raises(ValidationError):
        AccessRecorded.model_validate({**searched(1).model_dump(), "combinations_packed": packed})
