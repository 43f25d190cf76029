"""Facts are encoded in blocks that later releases may extend, and that earlier ones still read."""

import msgspec
import pytest

from services.records.clinical_facts.domain.codec import (
    FactBlockInvalidError,
    by_group,
    decode_block,
    encode_block,
    fact_id,
)
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime, Quantity, TextValue
from shared.runtime import clock

VERSION = clock.new_id(bucket=4711)
HAEMOGLOBIN = Concept(Coding("718-7", "2.16.840.1.113883.6.1", "Hémoglobine"), text="Hémoglobine")


def a_fact(kind: FactKind = FactKind.RESULT, entry: str = "1/0") -> ClinicalFact:
    return ClinicalFact(
        id=fact_id(VERSION, entry, kind),
        kind=kind,
        source=FactSource(entry, "11502-2"),
        code=HAEMOGLOBIN,
        value=Quantity("12.30", "g/dL", "<"),
        time=FactTime(at="2026-03-12T09:30+01:00"),
    )


def test_a_block_gives_back_its_facts() -> None:
    facts = (a_fact(), a_fact(FactKind.PROBLEM, "1/1"))
    assert decode_block(encode_block(facts)).facts == facts
    assert decode_block(encode_block([])).facts == ()


def test_members_without_a_value_take_no_bytes() -> None:
    assert b"null" not in encode_block([a_fact()])
    assert len(encode_block([a_fact()])) < 400


def test_members_of_a_later_release_are_ignored() -> None:
    block = encode_block([a_fact()]).replace(b'"source":{', b'"later":[1],"source":{"more":{},')
    assert decode_block(block).facts == (a_fact(),)


@pytest.mark.parametrize(("now", "later"), [(b'"result"', b'"genome"'), (b'"type":"quantity"', b'"type":"wave"')])
def test_facts_that_this_release_cannot_read_are_counted(now: bytes, later: bytes) -> None:
    problem = msgspec.structs.replace(a_fact(FactKind.PROBLEM), value=TextValue("asthme"))
    block = decode_block(encode_block([a_fact(), problem]).replace(now, later))
    assert (block.facts, block.unread) == ((problem,), 1)


@pytest.mark.parametrize("block", [b"", b"{", b"[]", b'{"format":2,"facts":[]}', b'{"format":2,"facts":[{}]}'])
def test_what_is_no_block_of_this_format_is_refused(block: bytes) -> None:
    with pytest.raises(FactBlockInvalidError):
        decode_block(block)


def test_the_id_of_a_fact_follows_from_version_entry_and_kind() -> None:
    id = fact_id(VERSION, "1/0", FactKind.RESULT)
    assert id == fact_id(VERSION, "1/0", FactKind.RESULT)
    others = {
        fact_id(VERSION, "1/1", FactKind.RESULT),
        fact_id(VERSION, "1/0", FactKind.PROBLEM),
        fact_id(clock.new_id(bucket=4711), "1/0", FactKind.RESULT),
    }
    assert id not in others
    assert len(others) == 3
    assert clock.bucket_in(id) == 4711


def test_the_sheet_opens_no_block_of_results() -> None:
    groups = by_group([a_fact(), a_fact(FactKind.ALLERGY), a_fact(FactKind.FINDING), a_fact(FactKind.MEASURE)])
    assert {group: [fact.kind for fact in facts] for group, facts in groups.items()} == {
        "results": [FactKind.RESULT, FactKind.MEASURE],
        "summary": [FactKind.ALLERGY],
        "other": [FactKind.FINDING],
    }


def test_no_repr_shows_medical_content() -> None:
    fact = a_fact()
    for value in (fact, fact.code, fact.value, fact.source, decode_block(encode_block([fact]))):
        assert repr(value) == f"{type(value).__name__}(...)"
