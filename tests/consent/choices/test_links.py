"""Two linked records of one person: who is blocked in one changes nothing in the other, and deposits in neither."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.consent.choices.steps import copy_records
from services.consent.choices.store import states
from services.consent.deposit_checks.steps import decide_deposits
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.consent.consent_api import ConsentApi, Record
from tests.infra.http.tokens import make_token, software_token
from tests.infra.messaging.messages import message, outbox
from tests.infra.messaging.plumbing import document_received, record_changed

DOCTOR, HOSPITAL = "899700000001", "1750000001"
Pair = tuple[Record, Record]


@pytest.fixture
async def pair(api: ConsentApi) -> Pair:
    first, second = await api.open_record(), await api.open_record()
    await link(first, second.id, 2)
    await link(second, first.id, 2)
    return first, second


async def link(record: Record, other: UUID | None, version: int) -> None:
    event = record_changed(record.id, version).model_copy(update={"linked_to": other})
    async with transaction(record.api.pool) as connection:
        await copy_records(connection, [message(event)])


def with_card(record: Record, structure: str | None = None) -> str:
    claims: dict[str, Any] = {"profession": "10", "patient_present": record.id}
    if structure:
        claims["organisation_id"] = structure
    return make_token("professional", DOCTOR, **claims)


async def decided(api: ConsentApi, *records: Record) -> list[str]:
    """The reasons of deposits by the hospital and by its doctor in each of these records, in one batch."""
    doctor = Actor(kind="professional", id=DOCTOR, profession="10", organisation_id=HOSPITAL)
    events = [
        document_received(record.id, seen={}).model_copy(update={"organisation_id": HOSPITAL, "actor": actor})
        for record in records
        for actor in (None, doctor)
    ]
    before = len(await outbox(api.pool))
    async with transaction(api.pool) as connection:
        await decide_deposits(connection, [message(event) for event in events])
    return [event.reason for event in (await outbox(api.pool))[before:] if isinstance(event, DepositDecided)]


async def attest(record: Record) -> int:
    until = (clock.now() + timedelta(days=30)).isoformat()
    body = {"informed_on": clock.now().date().isoformat(), "until": until}
    token = software_token("software-1", HOSPITAL)
    return (await record.ask("PUT", f"attestations/{HOSPITAL}", body, token=token)).status_code


async def test_a_card_read_for_one_record_counts_in_the_other(pair: Pair) -> None:
    first, second = pair
    path = f"authorisations/{DOCTOR}"
    assert (await second.ask("PUT", path, token=with_card(first))).status_code == 202
    await link(first, None, 3)
    await link(second, None, 3)
    await second.ask("DELETE", path)
    assert (await second.ask("PUT", path, token=with_card(first))).status_code == 403
    assert (await second.ask("PUT", path, token=with_card(second))).status_code == 202


async def test_who_is_blocked_in_one_record_changes_nothing_in_the_other_until_the_link_ends(pair: Pair) -> None:
    first, second = pair
    path = f"authorisations/{DOCTOR}"
    for blocked in (DOCTOR, HOSPITAL):
        await first.ask("PUT", f"blocks/{blocked}")
        for record in pair:
            token = with_card(record, HOSPITAL)
            assert (await record.ask("PUT", path, token=token)).status_code == 404
            assert (await record.entries())[-1].reason == "blocked"
        assert await attest(second) == (404 if blocked == HOSPITAL else 202)
        await second.ask("DELETE", f"attestations/{HOSPITAL}")
        await first.ask("DELETE", f"blocks/{blocked}")
    await first.ask("PUT", f"blocks/{DOCTOR}")
    await link(second, None, 3)
    assert (await second.ask("PUT", path, token=with_card(second))).status_code == 202
    assert (await second.choices())["blocked"] == []


async def test_who_is_blocked_in_one_record_deposits_in_neither(pair: Pair) -> None:
    first, second = pair
    other = await first.api.open_record()
    assert await decided(first.api, first, second, other) == ["feeding"] * 6
    await first.ask("PUT", f"blocks/{DOCTOR}")
    assert await decided(first.api, second, first, other) == [*["feeding", "blocked"] * 2, "feeding", "feeding"]
    await first.ask("PUT", f"blocks/{HOSPITAL}")
    assert await decided(first.api, second) == ["blocked"] * 2
    await link(second, None, 3)
    assert await decided(first.api, second) == ["feeding"] * 2


async def test_a_block_waits_for_a_deposit_that_is_being_decided_in_the_linked_record(pair: Pair) -> None:
    first, second = pair
    async with transaction(first.api.pool) as deciding:
        await decide_deposits(deciding, [message(document_received(second.id, seen={}))])
        async with first.api.pool.acquire() as other:
            await other.execute("set lock_timeout = '200ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await states.lock_state(other, first.id)
            await other.execute("reset lock_timeout")
    assert (await first.ask("PUT", f"blocks/{HOSPITAL}")).status_code == 202


async def test_changes_of_two_linked_records_and_deposits_in_both_never_wait_for_each_other(pair: Pair) -> None:
    changes = [
        linked.ask("PUT", f"{list_name}/8997000000{number:02}")
        for number in range(10)
        for linked in pair
        for list_name in ("blocks", "authorisations")
    ]
    deposits = [decided(pair[0].api, *reversed(pair)) for _ in range(5)]
    answers, _ = await asyncio.gather(asyncio.gather(*changes), asyncio.gather(*deposits))
    assert {answer.status_code for answer in answers} <= {202, 409}
