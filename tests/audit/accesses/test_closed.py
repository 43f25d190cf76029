"""What the ledger says of a closed record is for its holder alone, and so it is while the state is not known."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.access import Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.messaging.copies import MARK_BROKEN
from shared.runtime import clock
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, PARENT, Ledger, doctor, judged, parent_token, reading
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)
from tests.infra.messaging.messages import outbox

ROW_OF_BEFORE = "update record_copies set status = null, status_version = null"
WORKER_OF_BEFORE = "update record_copies set version = version + 1"
LISTS = ("accesses", "emergencies")


class Family:
    """A holder and who represents the holder, with an entry of a reading in the ledger."""

    def __init__(self, ledger: Ledger, entry: UUID) -> None:
        self.ledger, self.entry = ledger, entry
        self.holder = patient_token(ledger.record_id)
        self.parent = parent_token(ledger.record_id)

    async def ask(self, list_name: str, token: str, record_id: UUID | None = None) -> httpx2.Response:
        explaining = list_name == "explanation"
        path = (
            f"/entries/{self.entry}/{list_name}"
            if explaining
            else f"/records/{record_id or self.ledger.record_id}/{list_name}"
        )
        return await self.ledger.client.get(path, headers=bearer(token))

    async def answers(self, token: str) -> set[int]:
        return {(await self.ask(list_name, token)).status_code for list_name in (*LISTS, "explanation")}

    async def access_events(self) -> list[AccessRecorded]:
        return [event for event in await outbox(self.ledger.pool) if isinstance(event, AccessRecorded)]


@pytest.fixture
async def family(ledger: Ledger) -> Family:
    return Family(ledger, await ledger.access(doctor(), "find-documents", judged(reading())))


async def test_of_a_closed_record_the_holder_alone_sees_who_did_what(family: Family) -> None:
    await family.ledger.record()
    assert await family.answers(family.parent) == await family.answers(family.holder) == {200}
    await family.ledger.record("closed", 2)
    assert await family.answers(family.holder) == {200}
    assert await family.answers(family.parent) == {404}
    for list_name in LISTS:
        closed = await family.ask(list_name, family.parent)
        missing = await family.ask(list_name, family.parent, uuid4())
        assert (closed.status_code, closed.content) == (missing.status_code, missing.content)
    await family.ledger.record("open", 3)
    assert await family.answers(family.parent) == {200}


async def test_of_a_deceased_persons_record_nobody_sees_who_did_what(family: Family) -> None:
    await family.ledger.record("deceased")
    assert await family.answers(family.parent) == await family.answers(family.holder) == {404}
    assert {event.reason for event in await family.access_events()} == {"holder-deceased"}
    await family.ledger.record("open", 2)
    assert await family.answers(family.holder) == {200}


async def test_each_refusal_to_who_represents_the_holder_stands_in_the_ledger_with_its_facts(family: Family) -> None:
    await family.ledger.record("closed")
    for list_name in (*LISTS, "explanation"):
        assert (await family.ask(list_name, family.parent)).status_code == 404
    access_events = await family.access_events()
    assert [event.action for event in access_events] == ["list-accesses", "list-emergencies", "explain-decision"]
    for event in access_events:
        assert (event.record_id, event.outcome, event.reason) == (family.ledger.record_id, "refused", "record-closed")
        assert event.facts is not None
        answer = decide(decode_facts(event.facts))
        assert not isinstance(answer, Permit)
        assert (answer.reason, answer.rules_version) == (event.reason, event.rules_version)


async def test_each_refusal_to_others_stands_in_the_ledger_of_the_record_that_is_there(family: Family) -> None:
    id = family.ledger.record_id
    never = (
        make_token("carer", str(uuid4()), record_id=id),
        professional_token(DOCTOR),
        software_token("software-1", HOSPITAL),
        operator_token(),
    )
    strangers = (patient_token(uuid4()), make_token("representative", str(uuid4()), record_id=uuid4()))
    await family.ledger.record()
    for token, status, reason in (
        *((token, 403, "kind-not-permitted") for token in never),
        *((token, 404, "not-own-record") for token in strangers),
    ):
        for list_name in LISTS:
            before = len(await family.access_events())
            answer, missing = await family.ask(list_name, token), await family.ask(list_name, token, uuid4())
            assert (answer.status_code, answer.content) == (missing.status_code, missing.content)
            [entry] = (await family.access_events())[before:]
            assert (answer.status_code, entry.record_id) == (status, id)
            assert (entry.action, entry.outcome, entry.reason) == (f"list-{list_name}", "refused", reason)
            again = decide(decode_facts(entry.facts or {}))
            assert not isinstance(again, Permit)
            assert again.reason == reason


async def test_who_is_never_told_why_stands_in_the_ledger_of_the_entry(family: Family) -> None:
    carer = make_token("carer", str(uuid4()), record_id=uuid4())
    for token in (carer, software_token("software-1", HOSPITAL), operator_token()):
        before = len(await family.access_events())
        answer = await family.ask("explanation", token)
        [entry] = (await family.access_events())[before:]
        assert (entry.record_id, entry.action) == (family.ledger.record_id, "explain-decision")
        assert (answer.status_code, entry.outcome, entry.reason) == (403, "refused", "kind-not-permitted")
        unknown = Family(family.ledger, clock.new_id())
        missing = await unknown.ask("explanation", token)
        assert (answer.status_code, answer.content) == (missing.status_code, missing.content)
    assert len(await family.access_events()) == 3


async def test_while_nothing_is_known_of_a_record_its_holder_alone_sees_who_did_what(family: Family) -> None:
    assert await family.answers(family.holder) == {200}
    assert await family.answers(family.parent) == {503}


@pytest.mark.parametrize("topic", ["identity.records.v1", "identity.people.v1", "identity.erasures.v1"])
@pytest.mark.parametrize("spoilt", ["old", "broken", "missing"])
async def test_on_an_old_or_broken_copy_nobody_is_let_in_for_the_holder(
    family: Family, spoilt: str, topic: str
) -> None:
    await family.ledger.record()
    spoil = {
        "old": "update copy_watermarks set at = at - interval '1 hour' where topic = $1",
        "missing": "delete from copy_watermarks where topic = $1",
    }
    if spoilt == "broken":
        await family.ledger.pool.execute(MARK_BROKEN, topic, str(family.ledger.record_id), "x", 1)
    else:
        await family.ledger.pool.execute(spoil[spoilt], topic)
    answer = await family.ask("accesses", family.parent)
    assert (answer.status_code, answer.json()["code"]) == (503, "cannot-be-checked-now")
    assert await family.answers(family.holder) == {200}


async def test_who_represents_no_longer_sees_who_did_what_no_longer_whatever_the_token_says(family: Family) -> None:
    await family.ledger.record()
    assert await family.answers(family.parent) == {200}
    await family.ledger.people(2)
    assert await family.answers(family.parent) == {404}
    for list_name in LISTS:
        ended = await family.ask(list_name, family.parent)
        missing = await family.ask(list_name, family.parent, uuid4())
        assert (ended.status_code, ended.content) == (missing.status_code, missing.content)
    refused = [event.reason for event in await family.access_events() if event.outcome == "refused"]
    assert set(refused) == {"not-own-record"}
    await family.ledger.people(1, PARENT)
    assert await family.answers(family.parent) == {404}, "an older word does not count"
    assert await family.answers(family.holder) == {200}


async def test_a_representation_that_was_to_end_by_now_ends_without_another_word(family: Family) -> None:
    await family.ledger.record()
    await family.ledger.people(2, PARENT, until=clock.now() + timedelta(hours=1))
    assert await family.answers(family.parent) == {200}
    await family.ledger.people(3, PARENT, until=clock.now())
    assert await family.answers(family.parent) == {404}


@pytest.mark.parametrize("status", ["open", "closed"])
async def test_a_row_from_before_takes_its_state_when_the_same_version_is_read_again(
    family: Family, status: str
) -> None:
    await family.ledger.record("open", 2)
    await family.ledger.pool.execute(ROW_OF_BEFORE)
    assert await family.answers(family.parent) == {503}
    await family.ledger.record("open", 1)
    assert await family.answers(family.parent) == {503}
    await family.ledger.record(status, 2)
    assert await family.answers(family.parent) == ({200} if status == "open" else {404})


async def test_a_state_told_before_the_version_that_is_here_counts_no_more(family: Family) -> None:
    await family.ledger.record("open", 1)
    await family.ledger.pool.execute(WORKER_OF_BEFORE)
    assert await family.answers(family.parent) == {503}
    assert await family.answers(family.holder) == {200}
    await family.ledger.record("closed", 3)
    assert await family.answers(family.parent) == {404}
    await family.ledger.record("open", 2)
    assert await family.answers(family.parent) == {404}
