"""Traits that are sent are compared with those of the record; only codes travel in events."""

from uuid import UUID, uuid4

import pytest

from services.records.copies.domain.traits import differing_traits
from services.records.deposits.domain.submissions import as_code
from shared.crypto.fingerprints import trait_fingerprints, trait_parts
from shared.values import SentTraits, Sex
from tests.infra.records.records_api import RING

RECORD = UUID("11111111-1111-4111-8111-111111111111")
KNOWN = trait_fingerprints(
    RING,
    RECORD,
    SentTraits("ÉLÉMENT-INVENTÉ", "Anne", "1980-02-29", Sex.FEMALE).normalised(),
)


@pytest.mark.parametrize(
    ("sent", "differing"),
    [
        (None, ()),
        (SentTraits(), ()),
        (SentTraits("element inventé", "ANNE", "1980-02-29", Sex.FEMALE, "75056"), ()),
        (SentTraits(sex=Sex.UNKNOWN), ()),
        (SentTraits(sex=Sex.MALE), ("sex",)),
        (SentTraits("ELEMENT", "ANNE", "1980-02-28"), ("birth_name", "birth_date")),
    ],
)
def test_only_traits_that_are_sent_and_known_are_compared(sent: SentTraits | None, differing: tuple[str, ...]) -> None:
    assert differing_traits(RING, RECORD, {**KNOWN, "birth_place": None}, sent) == differing


def test_equal_traits_of_two_persons_have_nothing_in_common() -> None:
    assert differing_traits(RING, uuid4(), KNOWN, SentTraits(given_name="Anne")) == ("given_name",)


@pytest.mark.parametrize(
    ("text", "code"), [("8999", "8999"), ("3/x", None), ("", None), (None, None), ("a" * 65, None), ("a\n", None)]
)
def test_only_codes_travel_in_events(text: str | None, code: str | None) -> None:
    assert as_code(text) == code


@pytest.mark.parametrize(
    ("name", "stored_as"),
    [("Teʻura", "TEʻURA"), ("Ħajjar", "ĦAJJAR"), ("Le Go\u00adff", "LE GO\u00adFF"), ("Đặng", "DANG")],
)
def test_a_name_stored_by_an_older_release_in_its_normal_form_is_the_same(name: str, stored_as: str) -> None:
    stored = {"birth_name": RING.fingerprint(*trait_parts(RECORD, "birth_name", stored_as))}
    assert differing_traits(RING, RECORD, stored, SentTraits(birth_name=name)) == ()
    assert differing_traits(RING, RECORD, stored, SentTraits(birth_name=f"{name}x")) == ("birth_name",)
