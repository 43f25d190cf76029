"""The list of accesses as a signed file: what the list shows, line by line, and nothing in it changes unnoticed."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.audit.accesses.adapters import AccessFileSeal, AccessFileWriter, verify_access_file
from services.audit.accesses.models import NamedView
from services.audit.accesses.usecases import list_accesses
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.contracts.audit import AccessRecorded
from shared.crypto.signatures import SignatureKeys
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.runtime import clock
from tests.infra.audit.keys import SIGNATURES
from tests.infra.audit.ledger import PARENT, Ledger, doctor, judged, parent_token, reading
from tests.infra.http.tokens import bearer, make_token, patient_token, professional_token, software_token
from tests.infra.messaging.messages import outbox

KEYS = SignatureKeys.parse(SIGNATURES)
PUBLISHED = {"keys": KEYS.public_jwks()}
RECORD, MADE_AT = UUID(int=7), datetime(2026, 11, 30, 9, tzinfo=UTC)


def written(*names: str, keys: SignatureKeys = KEYS) -> bytes:
    """Returns a file with an entry for each name."""
    writer = AccessFileWriter(RECORD, MADE_AT)
    return writer.head() + writer.entries([NamedView(id=name) for name in names]) + writer.signature(keys)


def problems(content: bytes, published: object = PUBLISHED) -> list[str]:
    """Returns the parts of a file of which something is wrong."""
    found = verify_access_file(io.BytesIO(content), published, lambda _: None)
    return [problem.partition(":")[0] for problem in found]


def test_a_file_as_it_was_written_is_genuine_and_says_what_was_signed() -> None:
    seals: list[AccessFileSeal] = []
    assert list(verify_access_file(io.BytesIO(written("a", "b")), PUBLISHED, seals.append)) == []
    [seal] = seals
    assert (seal.record_id, seal.made_at, seal.entries) == (RECORD, MADE_AT, 2)
    assert problems(written()) == [], "an empty list too"


def test_a_changed_byte_anywhere_is_refused() -> None:
    content = written("a", "b")
    for position, byte in enumerate(content):
        for changed in (byte ^ 1, byte ^ 0x20):
            assert problems(content[:position] + bytes([changed]) + content[position + 1 :]), position


LINES = written("a", "b", "c").splitlines(keepends=True)
FOREIGN = SignatureKeys.parse(SIGNATURES.replace('"kid": "signatures"', '"kid": "another"'))
ALTERED = {
    "a line is missing": (b"".join([*LINES[:2], *LINES[3:]]), ["entries", "content"]),
    "two lines changed places": (b"".join([LINES[0], LINES[2], LINES[1], *LINES[3:]]), ["content"]),
    "a line was added": (b"".join([*LINES[:2], LINES[1], *LINES[2:]]), ["entries", "content"]),
    "another head": (LINES[0].replace(b"0007", b"0008") + b"".join(LINES[1:]), ["head", "content"]),
    "the signature of another list": (
        b"".join([*LINES[:4], written("a").splitlines(True)[-1]]),
        ["entries", "content"],
    ),
    "its end is missing": (b"".join(LINES[:-1]), ["signature"]),
    "it goes on after the signature": (b"".join(LINES) + b"\n", ["signature"]),
    "the signature has no line of its own": (b"".join(LINES)[:-1], ["signature"]),
    "nothing": (b"", ["signature"]),
    "no text": (b"\xff\xfe\n\xff", ["signature"]),
    "an endless line": (b"x" * 200_000, ["signature"]),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_file_is_refused_with_what_is_wrong(case: str) -> None:
    content, expected = ALTERED[case]
    assert problems(content) == expected


def test_keys_that_are_not_published_vouch_for_nothing() -> None:
    assert problems(written("a", keys=FOREIGN)) == ["signature"]
    assert problems(written("a"), {"keys": []}) == ["signature"]


async def file_of(ledger: Ledger, token: str) -> list[dict[str, Any]]:
    """Returns the lines of the file, once its signature was checked with the published keys."""
    answer = await ledger.client.get(f"/records/{ledger.record_id}/accesses/file", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    published = (await ledger.client.get("/.well-known/access-list-keys.json")).json()
    assert problems(answer.content, published) == []
    return [json.loads(line) for line in answer.content.splitlines()]


async def test_the_file_has_every_entry_of_the_list_and_its_asking_is_one_entry(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_accesses, "WHOLE_PAGE", 2)
    await ledger.record()
    document = await ledger.document()
    for _ in range(3):
        await ledger.access(doctor(), "read-document", judged(reading(blocked="professional")), document_id=document)
    token = patient_token(ledger.record_id)
    head, *entries, _ = await file_of(ledger, token)
    assert head["record_id"] == str(ledger.record_id)
    actions = [(entry["action"], entry["reason"], entry["times"]) for entry in entries]
    assert actions == [("read-document", "blocked", 1)] * 3 + [("deposit-document", "received", 1)]
    [announced] = await outbox(ledger.pool)
    assert isinstance(announced, AccessRecorded)
    assert (announced.action, announced.outcome) == ("list-accesses", "permitted")
    listed = await ledger.client.get(f"/records/{ledger.record_id}/accesses", headers=bearer(token))
    assert listed.json()["accesses"][0]["times"] == 3, "where the list folds them"


async def test_a_representative_gets_the_file_without_what_is_kept_from_representatives(ledger: Ledger) -> None:
    await ledger.record()
    shown, hidden = await ledger.document(), await ledger.document("N", "INVISIBLE_REPRESENTANTS_LEGAUX")
    _, *entries, _ = await file_of(ledger, parent_token(ledger.record_id))
    assert [entry["document_id"] for entry in entries] == [str(shown)]
    _, *entries, _ = await file_of(ledger, patient_token(ledger.record_id))
    assert {entry["document_id"] for entry in entries} == {str(shown), str(hidden)}


async def test_nobody_else_gets_the_file(ledger: Ledger) -> None:
    await ledger.record()
    carer = make_token("carer", str(PARENT), record_id=ledger.record_id)
    url = f"/records/{ledger.record_id}/accesses/file"
    for token in (carer, professional_token("899700000001"), software_token("software-1", "1750000001")):
        assert (await ledger.client.get(url, headers=bearer(token))).status_code == 403
    assert (await ledger.client.get(url, headers=bearer(patient_token(UUID(int=9))))).status_code == 404
    assert (await ledger.client.get(url)).status_code == 401


async def test_a_representation_that_ends_meanwhile_ends_the_file_without_a_signature(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_accesses, "WHOLE_PAGE", 1)
    await ledger.record()
    for _ in range(2):
        await ledger.document()
    parent = Caller("representative", str(PARENT), "portal", frozenset(), record_id=ledger.record_id)
    newest, limit = LedgerCursor(clock.now() + timedelta(days=1), UUID(int=0)), timedelta(minutes=2)
    pages = list_accesses.list_all_accesses(ledger.pool, ledger.record_id, parent, newest, limit)
    assert len((await anext(pages)).page.entries) == 1
    await ledger.people(2)
    with pytest.raises(NotFoundError):
        await anext(pages)
    announced = [event for event in await outbox(ledger.pool) if isinstance(event, AccessRecorded)]
    assert [(event.action, event.outcome) for event in announced] == [
        ("list-accesses", "permitted"),
        ("list-accesses", "refused"),
    ]
