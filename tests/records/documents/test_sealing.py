"""Sealed bytes open only in their place, and a request comes back to the byte."""

import base64
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.deposits.domain.submissions import parse_and_check
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import metadata_of
from shared.crypto.keyring import Keyring, SealBrokenError, new_data_key
from shared.crypto.vault import Vault, WrappedKey
from tests.infra.load.documents import Person
from tests.infra.records.records_api import KEK, a_deposit, bundle_of

KEY = new_data_key()
SOMEBODY = Person(51)


@given(content=st.binary(max_size=5000))
def test_a_content_opens_under_its_own_key_and_id_only(content: bytes) -> None:
    document = uuid4()
    sealed = sealed_contents.seal_content(KEY, document, content)
    assert sealed_contents.open_content(KEY, document, sealed) == content
    for key, id, altered in (
        (new_data_key(), document, sealed),
        (KEY, uuid4(), sealed),
        (KEY, document, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEY, document, b""),
    ):
        with pytest.raises(SealBrokenError):
            sealed_contents.open_content(key, id, altered)


def test_metadata_and_content_of_one_document_are_not_exchangeable() -> None:
    [document] = parse_and_check(bundle_of(a_deposit(SOMEBODY))).documents
    id = uuid4()
    sealed = sealed_contents.seal_metadata(KEY, id, metadata_of(document))
    assert sealed_contents.open_metadata(KEY, id, sealed) == metadata_of(document)
    with pytest.raises(SealBrokenError):
        sealed_contents.open_content(KEY, id, sealed)


def test_a_data_key_is_wrapped_for_its_record_and_opens_under_old_key_encryption_keys() -> None:
    record = uuid4()
    old = Vault(Keyring.parse(KEK))
    wrapped = old.new_key(record)
    newer = Vault(Keyring.parse("kek-2:" + "D" * 43 + "," + KEK))
    assert newer.unwrap(record, wrapped) == old.unwrap(record, wrapped)
    assert newer.new_key(record).kid == "kek-2"
    for vault, id, key in (
        (newer, uuid4(), wrapped),
        (Vault(Keyring.parse("kek-2:" + "D" * 43)), record, wrapped),
        (newer, record, WrappedKey("kek-2", wrapped.wrapped)),
    ):
        with pytest.raises(SealBrokenError):
            vault.unwrap(id, key)


@given(
    contents=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4),
    before=st.text(" \n\t", max_size=5),
    after=st.text(" \n\t", max_size=5),
)
def test_a_request_is_restored_to_the_byte(contents: list[bytes], before: str, after: str) -> None:
    pdfs = (a_deposit(SOMEBODY, content=b"%PDF-1.7" + content, content_type="application/pdf") for content in contents)
    body = before.encode() + bundle_of(*pdfs) + after.encode()
    documents = parse_and_check(body).documents
    named = [(uuid4(), document) for document in documents]
    deposit = uuid4()
    sealed = sealed_contents.seal_request(KEY, deposit, body, named)
    assert sealed_contents.open_request(KEY, deposit, sealed, {id: document.content for id, document in named}) == body


def test_a_request_whose_base64_was_written_otherwise_is_kept_whole() -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY, content=b"some content" * 20)))
    data = bundle["entry"][2]["resource"]["data"]
    bundle["entry"][2]["resource"]["data"] = data[:76] + "\n" + data[76:]
    body = orjson.dumps(bundle)
    [document] = parse_and_check(body).documents
    assert document.content_span is None
    deposit = uuid4()
    sealed = sealed_contents.seal_request(KEY, deposit, body, [(uuid4(), document)])
    assert sealed_contents.open_request(KEY, deposit, sealed, {}) == body


def test_a_request_without_its_contents_cannot_be_restored() -> None:
    body = bundle_of(a_deposit(SOMEBODY))
    [document] = parse_and_check(body).documents
    deposit = uuid4()
    sealed = sealed_contents.seal_request(KEY, deposit, body, [(uuid4(), document)])
    with pytest.raises(SealBrokenError):
        sealed_contents.open_request(KEY, deposit, sealed, {})
    assert base64.b64encode(document.content)[:40] not in sealed


def test_what_makes_two_submissions_of_one_identifier_the_same() -> None:
    [document] = parse_and_check(bundle_of(a_deposit(SOMEBODY))).documents
    same = sealed_contents.submission_fingerprint(KEY, document, "1750000001")
    assert (
        sealed_contents.submission_fingerprint(
            KEY, replace(document, title="Other", unique_id="urn:oid:1.2"), "1750000001"
        )
        == same
    )
    for other, organisation in (
        (replace(document, content=b"other"), "1750000001"),
        (replace(document, labels=("N", "MASQUE_PS")), "1750000001"),
        (document, "1750000002"),
    ):
        assert sealed_contents.submission_fingerprint(KEY, other, organisation) != same
    assert sealed_contents.submission_fingerprint(new_data_key(), document, "1750000001") != same
