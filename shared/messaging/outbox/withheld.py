"""States that their owner withholds: their copies are broken until the owner announces a newer state.

A recovery withholds what nobody can restore. The key is kept, so that announcing everything anew withholds it again;
the relay forgets it when it has sent a newer state, which somebody has decided.
"""

from collections.abc import Sequence
from typing import Final

from shared.contracts.base import StateWithheld
from shared.contracts.declarations import Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection
from shared.messaging import loss_checks
from shared.messaging.outbox.append import Announcement
from shared.runtime import clock, tracing

BREAKABLE: Final = {topic.name: topic for topic in TOPICS if topic.kind == "state" and topic.key == "record id"}
"""The states whose copies may be marked broken, because that stops the reading of one record only. The matrix and
the directory serve all records, so their keys are only listed."""
INSERT_WITHHELD = """
insert into withheld_states (topic, key) select topic, key from unnest($1::text[], $2::text[]) as lost(topic, key)
order by topic, key on conflict on constraint withheld_states_pkey do nothing"""
SELECT_WITHHELD = """
select withheld.topic, withheld.key from withheld_states withheld
join unnest($1::text[], $2::text[]) as announced(topic, key)
  on announced.topic = withheld.topic and announced.key = withheld.key"""


async def withhold(connection: Connection, states: Sequence[tuple[str, str]]) -> list[Announcement]:
    """Withholds these states (topic, key), of which copies may be broken. Returns their markers."""
    breakable = sorted({(topic, key) for topic, key in states if topic in BREAKABLE})
    await connection.execute(INSERT_WITHHELD, [topic for topic, _ in breakable], [key for _, key in breakable])
    return [_marker(BREAKABLE[topic], key) for topic, key in breakable]


async def without_withheld(connection: Connection, announcements: Sequence[Announcement]) -> list[Announcement]:
    """Returns the announcements, with a marker in place of each state that is withheld."""
    topics = [announcement.topic.name for announcement in announcements]
    rows = await connection.fetch(SELECT_WITHHELD, topics, [announcement.key for announcement in announcements])
    withheld = {(row["topic"], row["key"]) for row in rows}
    return [
        _marker(announcement.topic, announcement.key)
        if (announcement.topic.name, announcement.key) in withheld
        else announcement
        for announcement in announcements
    ]


def _marker(topic: Topic, key: str) -> Announcement:
    event = StateWithheld(aggregate_key=key, error_code=loss_checks.CODE)
    return Announcement(
        topic=topic,
        key=key,
        id=clock.new_id(),
        type=event.ce_type,
        trace=tracing.current(),
        occurred_at=clock.now(),
        body=event.model_dump_json().encode(),
    )
