"""The first filling of a history of reimbursements is notified once, in words that name no care."""

from uuid import uuid4

from shared.contracts.notify import AlertSent
from shared.contracts.records import HistoryFilled
from shared.runtime import clock
from tests.infra.notify.notify import contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics


async def test_the_first_filling_is_notified_once_whatever_comes_again(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(HistoryFilled(record_id=record_id, filled_at=clock.now()))
        await kafka.put(contact(record_id, "late@mail.example", language="en"))
        [mail] = await server.received(1)
        await kafka.put(HistoryFilled(record_id=record_id, filled_at=clock.now()))
        await kafka.put(published(record_id))
        ends = await kafka.wait_for("notify.alerts.v1", lambda events: len(events) >= 2)
        assert len(server.mails) == 2
    assert (mail["to"], mail["subject"]) == ("late@mail.example", "Your health history is available")
    assert {(type(end.event), getattr(end.event, "kind", None)) for end in ends} == {
        (AlertSent, "history"),
        (AlertSent, "document"),
    }
