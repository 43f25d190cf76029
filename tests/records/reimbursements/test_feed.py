"""The continuous feed: lines of the insurance, encrypted, through the same steps as those of a file."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.records.reimbursements.domain.feed import ReportInvalidError, open_report, seal_report
from services.records.reimbursements.steps.take_reports import LineInvalidError, take_reports
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import sealed_place
from shared.contracts.insurance import ReimbursementReported
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.db.pool import transaction
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.records.records_api import FILLING, RecordsApi
from tests.infra.records.reimbursements import recent_line, stored

ALICE, NOBODY = Person(1), Person(3)
FEED = FILLING.feed


def report(person: Person = ALICE, number: int = 1, **changed: Any) -> ReimbursementReported:
    return seal_report(FEED, uuid4(), recent_line(person, number, **changed))


async def take(api: RecordsApi, *events: ReimbursementReported) -> None:
    async with transaction(api.pool) as connection:
        await take_reports(FILLING, connection, [message(event) for event in events])


def sealed(content: object) -> ReimbursementReported:
    report_id = uuid4()
    text = FEED.encrypt_jwe(orjson.dumps(content), sealed_place("reimbursement", report_id))
    return ReimbursementReported(report_id=report_id, sheet_key=FEED.fingerprint("sheet", "", ""), sealed=text)


def test_a_report_shows_neither_person_nor_sheet_nor_care() -> None:
    fields = recent_line(ALICE)
    event = seal_report(FEED, uuid4(), fields)
    body = event.model_dump_json()
    assert not any(fields[name] in body for name in ("ins", "sheet", "label", "code", "performer_name"))
    assert open_report(FEED, event) == fields
    assert event.key == seal_report(FEED, uuid4(), recent_line(NOBODY, 2)).key, "one sheet, one key"


@pytest.mark.parametrize("content", [[], "text", {"payer": 1}, {"payer": "another"}])
def test_a_report_that_is_no_line_of_its_sheet_is_refused(content: object) -> None:
    with pytest.raises(ReportInvalidError):
        open_report(FEED, sealed(content))


def test_a_report_in_the_place_of_another_is_refused() -> None:
    moved = report().model_copy(update={"report_id": uuid4()})
    with pytest.raises(SealBrokenError):
        open_report(FEED, moved)


def test_a_report_under_a_key_that_is_not_here_yet_waits() -> None:
    with pytest.raises(KeyUnknownError):
        open_report(Keyring.parse("insurance-2:" + "I" * 43), report())


async def test_lines_of_the_feed_are_stored_once_whatever_comes_again(api: RecordsApi) -> None:
    record_id = await api.open_record(ALICE)
    events = [report(number=number) for number in range(3)]
    await take(api, *events)
    await take(api, *events, report(number=1, version="2", operation="cancel"))
    states = [(id, version, care is None) for id, _, version, care in await stored(api)]
    assert sorted(states) == sorted([(record_id, 1, False), (record_id, 1, False), (record_id, 2, True)])


async def test_an_unknown_person_is_neither_dead_letter_nor_rejected_line(api: RecordsApi) -> None:
    await take(api, report(NOBODY))
    assert await stored(api) == []
    assert await api.pool.fetchval("select count(*) from parked_messages") == 0


async def test_a_line_that_cannot_be_read_is_refused_with_its_code(api: RecordsApi) -> None:
    await api.open_record(ALICE)
    with pytest.raises(LineInvalidError, match="care-kind-unknown"):
        await take(api, report(kind="wellness"))


async def test_the_ledger_gets_one_entry_a_day_for_a_record(api: RecordsApi) -> None:
    record_id = await api.open_record(ALICE)
    await take(api, report(number=1))
    await take(api, report(number=2))
    (entry,) = await api.announced(AccessRecorded)
    assert (entry.record_id, entry.action) == (record_id, "fill-history")
