"""Recovery of a database that has lost commits: what its own topics hold and it does not is taken back or listed.

Facts that were announced stay on their topics. Of a state the newest on the topic stands: a service that can rebuild
its rows from the event adopts it; else the copies of the key are marked broken until an operator has decided. Unsent
rows that the topic has overtaken are removed, so that no old state is announced over a newer one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.base import StateWithheld
from shared.contracts.declarations import Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection, Pool, transaction
from shared.messaging import loss_checks
from shared.messaging.outbox.append import Announcement, append
from shared.messaging.outbox.lost import Connect, SentRecord, compare, keep_offsets
from shared.runtime import clock, tracing

# As long as it takes: an operator waits for it, and nothing is announced meanwhile.
NO_TIME_LIMIT = "set local transaction_timeout = 0"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(1146097665, 2)"
SELECT_UNSENT = "select id, event_id from outbox where topic = $1 and key = $2 order by id"
DELETE_OVERTAKEN = "delete from outbox where id = any($1::bigint[])"
STATES = {topic.name: topic for topic in TOPICS if topic.kind == "state"}
BREAKABLE = frozenset(topic.name for topic in STATES.values() if topic.key == "record id")
"""A broken copy stops the reading of one record. The matrix and the directory serve all: they are listed only."""


async def adopt_nothing(_: Connection, __: SentRecord, ___: bool) -> bool:  # a plain default
    """Where events do not hold the whole of what stands behind them: an operator decides."""
    return False


async def accept(_: Connection, __: Sequence[SentRecord]) -> list[Announcement]:
    """Facts that were announced stand as they are."""
    return []


@dataclass(frozen=True)
class Recovery:
    """What a service can do about what it has lost.

    `adopt`: rebuilds the aggregate from the newest state on its topic (never a tombstone); its last argument says
    whether it was changed here since, which is not announced yet. False where the operator must decide; then the
    aggregate's own version is raised to the topic's, so that the next change is announced above it. `apply_facts`: acts
    on facts of its own that it has lost, before the states; returns what is to be announced.
    """

    adopt: Callable[[Connection, SentRecord, bool], Awaitable[bool]] = adopt_nothing
    apply_facts: Callable[[Connection, Sequence[SentRecord]], Awaitable[list[Announcement]]] = accept


@dataclass
class Recovered:
    """What a recovery did. `facts`: how many lost records of each topic stand as they are; `adopted`, `undecided`: keys
    of states by topic. Copies of the undecided are broken until their owner announces a newer state."""

    facts: dict[str, int] = field(default_factory=dict)
    adopted: dict[str, list[str]] = field(default_factory=dict)
    undecided: dict[str, list[str]] = field(default_factory=dict)


async def recover(pool: Pool, connect: Connect, topics: Sequence[Topic], recovery: Recovery) -> Recovered:
    """Takes back what was lost, in one transaction. Afterwards the relay goes on by itself; with nothing lost nothing
    is done."""
    done = Recovered()
    async with connect() as topic_log, transaction(pool) as connection:
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(ONE_AT_A_TIME)
        found = await compare(connection, topic_log, topics)
        if not found.lost:
            return done
        facts = [record for record in found.lost if record.place.topic not in STATES]
        done.facts |= Counter(record.place.topic for record in facts)
        announcements = await recovery.apply_facts(connection, facts)
        newest = {(one.place.topic, one.key): one for one in found.lost if one.place.topic in STATES}
        for record in newest.values():
            announcements += await _settle(connection, record, found.resent, recovery, done)
        await keep_offsets(connection, topic_log.cluster_id, found.ends)
        await loss_checks.delete_marks(connection, [topic.name for topic in topics])
        await append(connection, announcements)
    return done


async def _settle(
    connection: Connection, record: SentRecord, resent: set[UUID], recovery: Recovery, done: Recovered
) -> list[Announcement]:
    """Rows that are on the topic too lie before the newest there; others were written here since."""
    topic = record.place.topic
    unsent = await connection.fetch(SELECT_UNSENT, topic, record.key.encode())
    await connection.execute(DELETE_OVERTAKEN, [row["id"] for row in unsent])
    is_changed_since = any(row["event_id"] not in resent for row in unsent)
    if record.body is None:
        done.adopted.setdefault(topic, []).append(record.key)
        return []
    if await recovery.adopt(connection, record, is_changed_since):
        done.adopted.setdefault(topic, []).append(record.key)
        return []
    done.undecided.setdefault(topic, []).append(record.key)
    return [_marker(STATES[topic], record.key)] if topic in BREAKABLE else []


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
