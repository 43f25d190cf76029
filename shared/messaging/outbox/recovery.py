"""Recovery of a database that has lost commits: adopts or lists the states that only its own topics still hold.

Announced facts stay on their topics. For states the newest one of a key on its topic counts. A service that can rebuild
its rows from the event adopts it; otherwise the copies of the key are marked broken until an operator has decided.
Unsent rows older than the topic are deleted, so that no old state is announced over a newer one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.base import Actor
from shared.contracts.declarations import Principal, Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ConflictError
from shared.messaging import loss_checks
from shared.messaging.outbox.announce_anew import NO_TIME_LIMIT, ONE_AT_A_TIME, StateSource
from shared.messaging.outbox.append import Announcement, append
from shared.messaging.outbox.lost import (
    OpenTopicLog,
    SentRecord,
    TopicLog,
    compare,
    compare_offsets,
    store_offsets,
    writer_of,
)
from shared.messaging.outbox.operator_entries import entry_of_act
from shared.messaging.outbox.withheld import withhold

SELECT_UNSENT = "select id, event_id from outbox where topic = $1 and key = $2 order by id"
DELETE_OVERTAKEN = "delete from outbox where id = any($1::bigint[])"
STATES = {topic.name: topic for topic in TOPICS if topic.kind == "state"}


class AnnouncingNeededError(ConflictError):
    """This database has sent to another Kafka cluster, or these topics end before what it sent. With every API stopped,
    run `recover --announce`, which announces everything anew."""

    code = "announcing-needed"


async def adopt_nothing(_: Connection, __: SentRecord, ___: bool) -> bool:  # a plain default
    """The default for services whose events do not hold the whole aggregate: an operator decides."""
    return False


async def accept_facts(_: Connection, __: Sequence[SentRecord]) -> list[Announcement]:
    """The default for services that need not act on lost facts, which stay on their topics."""
    return []


async def prepare_nothing(_: Pool, __: Actor, ___: bool) -> int:
    """The default for services that have nothing to prepare."""
    return 0


async def raise_nothing(_: Connection, __: str, ___: str, ____: int) -> None:
    """The default for services that own no versions that an operator may raise."""


FindMissing = Callable[[Connection], Awaitable[Mapping[str, Sequence[str]]]]
"""Returns, by name of an effect, the ids of what lacks it although its cause stands in this database."""


async def nothing_missing(_: Connection) -> Mapping[str, Sequence[str]]:
    """The default for services whose tables do not say what is missing."""
    return {}


@dataclass(frozen=True)
class Recovery:
    """A service's way to recover what it has lost.

    `adopt`: rebuilds an aggregate from its newest state on the topic (never a tombstone). Its last argument tells
    whether the aggregate has since been changed here without an announcement. It returns False when an operator must
    decide; it has then raised the aggregate's version to the topic's, so that the next change is announced above it.
    `apply_facts`: acts on the service's own lost facts, before the states, and returns announcements. `states`: what
    the service announces anew onto another cluster. `prepare`: acts before either, once the command is not refused; its
    arguments are the operator, whose acts it enters in the ledger, and whether everything is announced anew. It returns
    how many erasures it repeated. `raise_above`: raises the version of an aggregate of the service above that of a
    neighbour's copy; its arguments are topic, key and version. `copies`: SQL that returns key and version of the copies
    of each topic. `find_missing`: see `recovery_check`.
    """

    adopt: Callable[[Connection, SentRecord, bool], Awaitable[bool]] = adopt_nothing
    apply_facts: Callable[[Connection, Sequence[SentRecord]], Awaitable[list[Announcement]]] = accept_facts
    states: Sequence[StateSource] = ()
    prepare: Callable[[Pool, Actor, bool], Awaitable[int]] = prepare_nothing
    raise_above: Callable[[Connection, str, str, int], Awaitable[None]] = raise_nothing
    copies: Mapping[Topic, str] = field(default_factory=dict)
    find_missing: FindMissing = nothing_missing


@dataclass
class RecoveryResult:
    """The effects of a recovery.

    `facts`: the number of lost records that stay on each topic. `adopted`, `undecided`: keys of states by topic. Copies
    of undecided keys are broken until their owner announces a newer state. `erased_again`: the number of erasures that
    were repeated from the newest export.
    """

    facts: dict[str, int] = field(default_factory=dict)
    adopted: dict[str, list[str]] = field(default_factory=dict)
    undecided: dict[str, list[str]] = field(default_factory=dict)
    erased_again: int = 0


async def recover(
    pool: Pool, connect: OpenTopicLog, topics: Sequence[Topic], recovery: Recovery, operator: Actor
) -> RecoveryResult:
    """Recovers lost commits, if any, and enters it in the ledger, in one transaction.

    Afterwards the relay resumes without further action. `topics`: those of one service.
    Raises AnnouncingNeededError, before anything is changed.
    """
    result = RecoveryResult()
    async with connect() as topic_log:
        async with pool.acquire() as connection:
            if (await compare_offsets(connection, topic_log, topics)).needs_announcing:
                raise AnnouncingNeededError
        result.erased_again = await recovery.prepare(pool, operator, False)
        await _recover_lost(pool, topic_log, topics, recovery, operator, result)
    return result


async def _recover_lost(
    pool: Pool,
    topic_log: TopicLog,
    topics: Sequence[Topic],
    recovery: Recovery,
    operator: Actor,
    result: RecoveryResult,
) -> None:
    async with transaction(pool) as connection:
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(ONE_AT_A_TIME)
        comparison = await compare(connection, topic_log, topics)
        if comparison.needs_announcing:
            raise AnnouncingNeededError
        if not comparison.lost:
            return
        facts = [record for record in comparison.lost if record.place.topic not in STATES]
        result.facts |= Counter(record.place.topic for record in facts)
        announcements = await recovery.apply_facts(connection, facts)
        newest = {
            (record.place.topic, record.key): record for record in comparison.lost if record.place.topic in STATES
        }
        for record in newest.values():
            announcements += await _recover_state(connection, record, comparison.resent, recovery, result)
        await store_offsets(connection, topic_log.cluster_id, comparison.ends)
        await loss_checks.delete_marks(connection, [topic.name for topic in topics])
        service = writer_of(topics)
        entry = entry_of_act(service, operator, "recover-database", service, count=len(comparison.lost))
        announcements.append(entry)
        await append(connection, announcements)


@dataclass(frozen=True, slots=True)
class CopyAhead:
    """A copy that is newer than the newest state on the topic of its owner (0: none there)."""

    topic: str
    key: str
    version: int
    on_topic: int


async def withhold_states(
    pool: Pool, service: Principal, ahead: Sequence[CopyAhead], recovery: Recovery, operator: Actor
) -> RecoveryResult:
    """Raises the versions of aggregates of which neighbours have newer copies, and marks all their copies as broken.

    What these copies hold was decided by the owner and lost: an operator decides, and until then others read nothing.
    `ahead`: copies of the service's own states; the ledger gets an entry if there are any.
    """
    result = RecoveryResult()
    if not ahead:
        return result
    async with transaction(pool) as connection:
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(ONE_AT_A_TIME)
        for copy in ahead:
            await recovery.raise_above(connection, copy.topic, copy.key, copy.version)
            result.undecided.setdefault(copy.topic, []).append(copy.key)
        markers = await withhold(connection, [(copy.topic, copy.key) for copy in ahead])
        entry = entry_of_act(service, operator, "withhold-states", service, count=len(ahead))
        await append(connection, [*markers, entry])
    return result


async def _recover_state(
    connection: Connection, record: SentRecord, resent: set[UUID], recovery: Recovery, result: RecoveryResult
) -> list[Announcement]:
    """Recovers the newest state of a key. Returns the announcements to send.

    Unsent rows that are also on the topic are older than its newest state; the others were written here since.
    """
    topic = record.place.topic
    unsent = await connection.fetch(SELECT_UNSENT, topic, record.key.encode())
    await connection.execute(DELETE_OVERTAKEN, [row["id"] for row in unsent])
    is_changed_since = any(row["event_id"] not in resent for row in unsent)
    if record.body is None:
        result.adopted.setdefault(topic, []).append(record.key)
        return []
    if await recovery.adopt(connection, record, is_changed_since):
        result.adopted.setdefault(topic, []).append(record.key)
        return []
    result.undecided.setdefault(topic, []).append(record.key)
    return await withhold(connection, [(topic, record.key)])
