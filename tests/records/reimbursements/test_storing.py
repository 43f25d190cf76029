"""Storing lines: each once, in its month, sealed under the record's key, for one person."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from services.records.reimbursements.domain.parsing import parse_line
from services.records.reimbursements.domain.retention import oldest_day
from services.records.reimbursements.steps.store_lines import store_lines
from services.records.reimbursements.store.lines import LineOvertakenError
from services.records.reimbursements.usecases.keep_months import keep_months
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import HistoryFilled
from shared.crypto.keyring import Keyring
from shared.db.pool import transaction
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from tests.conftest import NewDatabase
from tests.infra.erasure.erasing import erase, finish
from tests.infra.load.documents import Person
from tests.infra.platform.locks import SELECT_BLOCKED
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import FILLING, INSURANCE, RecordsApi, run_records_api
from tests.infra.records.reimbursement_files import Fields
from tests.infra.records.reimbursements import MONTHS, a_source, recent_line, store, stored

ALICE, BASILE = Person(1), Person(2)
SELECT_MONTHS = "select relname from pg_class where relname ~ '^reimbursements_[0-9]{6}$' order by relname"


def today() -> date:
    return clock.now().date()


def line(person: Person = ALICE, number: int = 1, **changed: Any) -> Fields:
    return recent_line(person, number, **changed)


async def test_a_line_is_stored_sealed_in_its_month_under_the_record_of_its_person(api: RecordsApi) -> None:
    record_id = await api.open_record(ALICE)
    assert await store(api, line()) == {"new": 1}
    ((stored_id, month, version, care),) = await stored(api)
    assert (stored_id, version) == (record_id, 1)
    assert month == (today() - timedelta(days=40)).replace(day=1)
    assert care is not None
    assert (care.label, care.amount_paid) == ("MÉDICAMENT INVENTÉ 500 mg, comprimé", 2530)
    row = await api.pool.fetchrow("select * from reimbursements")
    assert row is not None
    for secret in ("MÉDICAMENT", "3400930000120", "2026-000123", ALICE.ins):
        assert secret.encode() not in b"".join(value for value in row.values() if isinstance(value, bytes))


async def test_the_same_lines_again_change_nothing(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    lines = [line(number=number) for number in range(5)]
    assert await store(api, *lines, lines[0]) == {"new": 5, "unchanged": 1}
    assert await store(api, *lines) == {"unchanged": 5}
    assert await store(api, line(number=0, label="AUTRE")) == {"differing": 1}
    assert len(await stored(api)) == 5


async def test_a_correction_moves_a_line_to_another_month(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    await store(api, line())
    assert await store(api, line(version="2", operation="correct", days_ago=100)) == {"corrected": 1}
    ((_, month, version, _),) = await stored(api)
    assert (month, version) == ((today() - timedelta(days=100)).replace(day=1), 2)
    assert await store(api, line(version="3", operation="correct")) == {"corrected": 1}
    assert [version for _, _, version, _ in await stored(api)] == [3]


async def test_an_older_new_line_revives_nothing_that_was_cancelled(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    assert await store(api, line(version="2", operation="cancel"), line()) == {"cancelled": 1, "outdated": 1}
    assert await store(api, line()) == {"outdated": 1}
    ((_, _, version, care),) = await stored(api)
    assert (version, care) == (2, None)


async def test_a_cancel_destroys_the_care_and_keeps_key_and_version(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    await store(api, line())
    assert await store(api, line(version="2", amount_paid="-25.30")) == {"cancelled": 1}
    row = await api.pool.fetchrow("select version, kind, care from reimbursements")
    assert row is not None
    assert tuple(row.values()) == (2, None, None)


async def test_a_line_never_changes_its_person(api: RecordsApi) -> None:
    alice = await api.open_record(ALICE)
    await api.open_record(BASILE)
    await store(api, line(ALICE))
    assert await store(api, line(BASILE, version="2")) == {"person-changed": 1}
    assert await store(api, line(BASILE, version="3"), line(ALICE, version="2")) == {
        "person-changed": 1,
        "corrected": 1,
    }
    assert await store(api, line(BASILE, version="3"), line(ALICE)) == {"person-changed": 1, "outdated": 1}
    assert [(record_id, version) for record_id, _, version, _ in await stored(api)] == [(alice, 2)]


async def test_of_two_persons_in_one_batch_the_first_keeps_the_line(api: RecordsApi) -> None:
    alice = await api.open_record(ALICE)
    await api.open_record(BASILE)
    assert await store(api, line(ALICE), line(BASILE)) == {"new": 1, "person-changed": 1}
    assert [record_id for record_id, *_ in await stored(api)] == [alice]


async def test_a_line_that_is_too_old_gives_no_person_a_claim(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    basile = await api.open_record(BASILE)
    assert await store(api, line(ALICE, days_ago=900), line(BASILE)) == {"expired": 1, "new": 1}
    assert [record_id for record_id, *_ in await stored(api)] == [basile]


async def test_lines_are_kept_24_months_to_the_day(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    age = (today() - oldest_day(today(), MONTHS)).days
    assert await store(api, line(number=1, days_ago=age), line(number=2, days_ago=age + 1)) == {"new": 1, "expired": 1}


@pytest.mark.parametrize("status", ["closed", "deceased"])
async def test_a_closed_record_takes_none(api: RecordsApi, status: str) -> None:
    await api.open_record(ALICE, status=status)
    assert await store(api, line()) == {"closed": 1}
    assert await api.pool.fetchval("select count(*) from reimbursement_keys") == 0


async def test_nothing_is_kept_of_a_person_without_a_record(api: RecordsApi) -> None:
    assert await store(api, line()) == {"unknown": 1}
    for table in ("reimbursements", "reimbursement_keys", "reimbursement_histories", "outbox"):
        assert await api.pool.fetchval(f"select count(*) from {table}") == 0


async def test_erasure_destroys_the_lines_and_their_keys(api: RecordsApi) -> None:
    alice, basile = await api.open_record(ALICE), await api.open_record(BASILE)
    await store(api, *(line(ALICE, number) for number in range(3)), line(BASILE, 9))
    await erase(api.pool, erase_record, alice)
    assert await store(api, line(ALICE, 4)) == {"unknown": 1}
    await finish(api.pool, ErasureFinisher("records", remove_rows), alice)
    assert [record_id for record_id, *_ in await stored(api)] == [basile]
    assert await api.pool.fetchval("select count(*) from reimbursement_keys") == 1
    again = await api.open_record(ALICE)
    assert await store(api, line(ALICE, 0)) == {"new": 1}
    assert {record_id for record_id, *_ in await stored(api)} == {basile, again}


async def test_the_ledger_gets_one_entry_for_each_record_and_source_without_acts(api: RecordsApi) -> None:
    alice, basile = await api.open_record(ALICE), await api.open_record(BASILE)
    source = a_source()
    await store(api, line(ALICE, 1), line(ALICE, 2), line(BASILE, 3), source=source)
    await store(api, line(ALICE, 4), source=source)
    await store(api, line(ALICE, 4), source=a_source())
    entries = await api.announced(AccessRecorded)
    assert sorted(entry.record_id for entry in entries) == sorted([alice, basile])
    assert {(entry.action, entry.actor.id, entry.reason) for entry in entries} == {
        ("fill-history", "insurance", "reimbursements")
    }
    await store(api, line(ALICE, 5), source=a_source())
    assert len(await api.announced(AccessRecorded)) == 3


async def test_the_first_filling_is_announced_once(api: RecordsApi) -> None:
    alice, basile = await api.open_record(ALICE), await api.open_record(BASILE)
    await store(api, line(ALICE, 1), line(ALICE, 2))
    await store(api, line(ALICE, 3), line(BASILE, 4))
    assert [event.record_id for event in await api.announced(HistoryFilled)] == [alice, basile]


async def test_confidential_care_alone_is_not_announced_since_representatives_would_learn_of_it(
    api: RecordsApi,
) -> None:
    alice = await api.open_record(ALICE)
    source = a_source()
    await store(
        api, line(ALICE, 1, confidential="true"), line(ALICE, 2, version="2", operation="cancel"), source=source
    )
    assert await api.announced(HistoryFilled) == []
    await store(api, line(ALICE, 3), source=source)
    assert [event.record_id for event in await api.announced(HistoryFilled)] == [alice]
    assert len(await api.announced(AccessRecorded)) == 1


async def test_a_line_under_an_older_key_of_the_feed_is_found(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    await store(api, line())
    rotated = replace(FILLING, feed=Keyring.parse("insurance-2:" + "I" * 43 + "," + INSURANCE))
    assert await store(api, line(), context=rotated) == {"unchanged": 1}
    assert await store(api, line(version="2", operation="correct"), line(number=2), context=rotated) == {
        "corrected": 1,
        "new": 1,
    }
    kids = await api.pool.fetch("select kid from reimbursement_keys order by kid")
    assert [row["kid"] for row in kids] == ["insurance-1", "insurance-2"]


async def test_a_line_that_another_batch_enters_meanwhile_is_tried_again(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    async with transaction(api.pool) as connection:
        await store_lines(connection, FILLING, [parse_line(line(), today())], a_source())
        waiting = asyncio.create_task(store(api, line()))
        await eventually(lambda: api.pool.fetchval(SELECT_BLOCKED))
    with pytest.raises(LineOvertakenError):
        await waiting
    assert await store(api, line()) == {"unchanged": 1}


async def test_months_are_made_ahead(api: RecordsApi) -> None:
    assert await keep_months(api.pool, MONTHS, clock.now()) is False
    names = await api.pool.fetch(SELECT_MONTHS)
    assert len(names) == MONTHS + 3
    assert names[0]["relname"] == f"reimbursements_{oldest_day(today(), MONTHS):%Y%m}"


async def test_a_month_of_which_every_day_is_too_old_goes_with_its_keys(new_database: NewDatabase) -> None:
    async with run_records_api(await new_database("records")) as api:
        await api.open_record(ALICE)
        await store(api, line(number=1, days_ago=150), line(number=2, days_ago=10))
        await keep_months(api.pool, 3, clock.now())
        assert [month for _, month, *_ in await stored(api)] == [(today() - timedelta(days=10)).replace(day=1)]
        assert await api.pool.fetchval("select count(*) from reimbursement_keys") == 1
        assert len(await api.pool.fetch(SELECT_MONTHS)) == 3 + 3
