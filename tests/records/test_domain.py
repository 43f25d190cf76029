"""What records judges by itself: traits, ages of copies, errors of a decision, harmless media types, search words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.copies.domain.copies import COPIED_TOPICS, CopyAge, decoy_age
from services.records.deposits.domain.submissions import as_code, differing_traits
from services.records.documents.api.search import parse_query
from services.records.documents.domain.metadata import served_type
from services.records.facts.domain.decisions import require_permit
from services.records.kit.forms import SearchError, parse_form
from shared.access import Permit, Refusal
from shared.crypto.fingerprints import trait_fingerprints
from shared.errors import ForbiddenError, NotFoundError, UncheckableError
from shared.values import SentTraits, Sex
from tests.infra.records import RING

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=120)
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
    ("age", "fresh"),
    [
        (CopyAge(NOW, NOW, erasures_at=NOW), True),
        (CopyAge(NOW - LIMIT, NOW, erasures_at=NOW), True),
        (CopyAge(NOW - LIMIT - timedelta(milliseconds=1), NOW, erasures_at=NOW), False),
        (CopyAge(NOW, NOW - timedelta(days=1), erasures_at=NOW), False),
        (CopyAge(None, NOW, erasures_at=NOW), False),
        (CopyAge(NOW, None, erasures_at=NOW), False),
        (CopyAge(NOW, NOW), False),
        (CopyAge(NOW, NOW, broken=True, erasures_at=NOW), False),
    ],
)
def test_all_copies_must_be_known_young_and_whole(age: CopyAge, fresh: bool) -> None:
    assert age.is_fresh(NOW, LIMIT) is fresh


def test_what_does_not_exist_has_the_age_of_always_the_same_partition() -> None:
    notices = {topic: [NOW - timedelta(seconds=n) for n in range(4)] for topic in COPIED_TOPICS}
    ages = [decoy_age(notices, number) for number in range(8)]
    assert ages[:4] == ages[4:]
    assert len(set(ages)) == 4
    assert decoy_age({}, 3) == CopyAge(None, None)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal("copies-too-old", False, "1", retry=True), UncheckableError),
        (Refusal("choices-unknown", True, "1", retry=True), UncheckableError),
        (Refusal("blocked", True, "1"), NotFoundError),
        (Refusal("kind-not-permitted", False, "1"), ForbiddenError),
    ],
)
def test_a_refusal_says_no_more_than_it_may(refusal: Refusal, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        require_permit(refusal)
    assert refusal.reason not in str(caught.value)


def test_a_permit_is_handed_on() -> None:
    permit = Permit("authorised", "1")
    assert require_permit(permit) is permit


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        ("text/xml", "text/xml"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain; a=b", "text/plain"),
        ("text/plain;\rset-cookie: a", "text/plain"),
        ("te\u017ft/plain", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_only_harmless_media_types_are_answered_with(sent: str, served: str) -> None:
    assert served_type(sent, b"") == served


@given(st.text())
def test_a_media_type_never_leaves_latin_letters(sent: str) -> None:
    assert served_type(sent, b"").isascii()
    assert not set(served_type(sent, b"")) & set("\r\n\0")


@pytest.mark.parametrize(
    ("text", "code"), [("8999", "8999"), ("3/x", None), ("", None), (None, None), ("a" * 65, None), ("a\n", None)]
)
def test_only_codes_travel_in_events(text: str | None, code: str | None) -> None:
    assert as_code(text) == code


@given(st.binary(max_size=300))
def test_no_form_whatever_breaks_the_search(form: bytes) -> None:
    try:
        query = parse_query(RING, parse_form(form))
    except SearchError:
        return
    assert 1 <= query.count <= 100
    assert query.statuses


def test_the_parameters_of_a_search() -> None:
    query = parse_query(
        RING, parse_form(b"patient.identifier=urn:oid:1.2.250.1.213.1.4.10|279035121518989&status=current")
    )
    assert query.record_id is None
    assert [ins_fingerprint.partition(".")[0] for ins_fingerprint in query.ins_fingerprints] == ["hmac-2", "hmac-1"]
    assert (query.count, query.statuses) == (50, frozenset({"current"}))
    query = parse_query(RING, {"patient": f"Patient/{RECORD}", "status": "superseded", "_count": "5000"})
    assert (query.record_id, query.count, query.statuses) == (RECORD, 100, frozenset({"superseded"}))


@pytest.mark.parametrize(
    ("content", "served"),
    [
        (b"<html xmlns='http://www.w3.org/1999/xhtml'><script/></html>", "text/html"),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <a> --><h:html xmlns:h='http://www.w3.org/1999/xhtml'/>",
            "text/html",
        ),
        (b"<HTML>", "text/html"),
        (b"<?xml version='1.0'?><ClinicalDocument><html/></ClinicalDocument>", "text/xml"),
        (b"<htmlish/>", "text/xml"),
    ],
)
def test_html_that_was_sent_as_xml_is_called_html(content: bytes, served: str) -> None:
    assert served_type("text/xml", content) == served
    assert served_type("application/pdf", content) == "application/pdf"
