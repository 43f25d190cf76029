"""Announces all that a service knows onto another Kafka cluster: erasures and states from its tables, and sent facts.

The cluster is noticed by its id: the database has sent to another one before. The relay then sends nothing. Once the
announcing has begun, it sends, but no heartbeats: copies count as fresh only when every state has been announced. Each
page is a transaction that notes the position, so that an interrupted run goes on where it was. A run that was not
interrupted but only lost its caller meets the one that took it up: whichever notes its page first goes on alone. The
ledger gets an entry for each run, in the transaction that begins the announcing or takes it up again: another operator
may take it up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from shared.contracts.base import Actor
from shared.contracts.declarations import Topic
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ConflictError
from shared.messaging.outbox import sent_facts
from shared.messaging.outbox.append import Announcement, append
from shared.messaging.outbox.lost import OpenTopicLog, TopicComparison, TopicLog, compare, store_offsets, writer_of
from shared.messaging.outbox.operator_entries import entry_of_act
from shared.messaging.outbox.withheld import without_withheld

PAGE = 500
LONGEST_OUTBOX = 20_000
"""Rows in the outbox above which the announcing waits for the relay."""
WAIT_S = 0.5
# An operator waits, and nothing is announced meanwhile, so there is no time limit.
NO_TIME_LIMIT = "set local transaction_timeout = 0"
ONE_AT_A_TIME = "select pg_advisory_xact_lock(1146097665, 2)"
SELECT_MOVE = """
select cluster_id, newest_fact, source, position, finished_at from cluster_moves where cluster_id = $1"""
LOCK_MOVE = f"{SELECT_MOVE} for update"
BEGIN_MOVE = """
insert into cluster_moves (cluster_id, newest_fact) values ($1, $2)
on conflict on constraint cluster_moves_pkey do update
set newest_fact = excluded.newest_fact, source = null, position = null, begun_at = clock_timestamp(),
    finished_at = null"""
NOTE_POSITION = """
update cluster_moves set source = $2, position = $3
where cluster_id = $1 and source is not distinct from $4 and position is not distinct from $5
returning cluster_id"""
FINISH_MOVE = "update cluster_moves set finished_at = clock_timestamp(), position = null where cluster_id = $1"
COUNT_OUTBOX = "select count(*) from (select from outbox limit $1) as rows"
FACTS = "facts"


class NothingToAnnounceError(ConflictError):
    """This database belongs to this Kafka cluster: nothing is to be announced anew."""

    code = "cluster-unchanged"


class AnnouncingContinuedError(ConflictError):
    """Another run of this command goes on with the announcing. Run it again to see how that one ended."""

    code = "announcing-continued"


class TopicsNotEmptyError(ConflictError):
    """The topics of this service hold records that this database did not send. Another cluster must begin with empty
    topics: delete them and make them anew."""

    code = "topics-not-empty"


@dataclass(frozen=True, slots=True)
class StatePage:
    """The announcements of a page of rows. `position`: where the next page begins; None after the last one."""

    announcements: list[Announcement]
    position: str | None


@dataclass(frozen=True, slots=True)
class StateSource:
    """Announces the present states of one kind from their table. `load`: takes the connection of a transaction and the
    position, "" for the first page, locks the rows of a page and returns their announcements."""

    name: str
    load: Callable[[Connection, str], Awaitable[StatePage]]


@dataclass
class AnnouncedAnew:
    """What was announced: number of states by source, and of facts. `erased_again`: of erasures repeated before."""

    states: dict[str, int] = field(default_factory=dict)
    facts: int = 0
    erased_again: int = 0


async def announce_anew(
    pool: Pool,
    connect: OpenTopicLog,
    topics: Sequence[Topic],
    sources: Sequence[StateSource],
    operator: Actor,
    prepare: Callable[[], Awaitable[int]],
) -> AnnouncedAnew:
    """Announces everything anew, or goes on with it, and enters that in the ledger.

    `prepare`: acts once this is entered, and before any state is announced; it returns how many erasures it repeated.
    Raises NothingToAnnounceError or TopicsNotEmptyError, before anything is changed.
    """
    service = writer_of(topics)
    async with connect() as topic_log, transaction(pool) as connection:
        await connection.execute(NO_TIME_LIMIT)
        await connection.execute(ONE_AT_A_TIME)
        move = await _begin_or_take_up(connection, topic_log, topics)
        await append(connection, [entry_of_act(service, operator, "announce-anew", service)])
    erased_again = await prepare()
    announced = await _go_on(pool, move, sources)
    announced.erased_again = erased_again
    return announced


async def _begin_or_take_up(connection: Connection, topic_log: TopicLog, topics: Sequence[Topic]) -> asyncpg.Record:
    move = await connection.fetchrow(LOCK_MOVE, topic_log.cluster_id)
    comparison = await compare(connection, topic_log, topics)
    if comparison.needs_announcing:
        move = await _begin(connection, topic_log.cluster_id, comparison)
    if move is None or move["finished_at"] is not None:
        raise NothingToAnnounceError
    return move


async def _begin(connection: Connection, cluster_id: str, comparison: TopicComparison) -> asyncpg.Record | None:
    if comparison.is_moved and any(comparison.ends.values()):
        raise TopicsNotEmptyError
    newest = await sent_facts.take_unsent(connection)
    await connection.execute(BEGIN_MOVE, cluster_id, newest)
    await store_offsets(connection, cluster_id, comparison.ends)
    return await connection.fetchrow(LOCK_MOVE, cluster_id)


@dataclass
class _Progress:
    """The position that this run has noted last."""

    cluster_id: str
    source: str | None
    position: str | None

    async def note(self, connection: Connection, source: str, position: str | None) -> None:
        """Notes a new position. Raises AnnouncingContinuedError if another run has noted one meanwhile."""
        former = (self.source, self.position)
        if await connection.fetchval(NOTE_POSITION, self.cluster_id, source, position, *former) is None:
            raise AnnouncingContinuedError
        self.source, self.position = source, position


async def _go_on(pool: Pool, move: asyncpg.Record, sources: Sequence[StateSource]) -> AnnouncedAnew:
    """Announces the states in the order of their sources, then the facts."""
    announced, progress = AnnouncedAnew(), _Progress(move["cluster_id"], move["source"], move["position"])
    names = [*(source.name for source in sources), FACTS]
    begun = names.index(move["source"]) if move["source"] in names else 0
    for number, source in enumerate(sources):
        if number >= begun:
            announced.states[source.name] = await _announce_states(pool, source, progress)
    while count := await _announce_facts(pool, progress, move["newest_fact"]):
        announced.facts += count
    async with transaction(pool) as connection:
        await connection.execute(FINISH_MOVE, progress.cluster_id)
    return announced


async def _announce_states(pool: Pool, source: StateSource, progress: _Progress) -> int:
    count = 0
    next_position = (progress.position or "") if progress.source == source.name else ""
    while True:
        await _wait_for_relay(pool)
        async with transaction(pool) as connection:
            page = await source.load(connection, next_position)
            await progress.note(connection, source.name, page.position or next_position)
            await append(connection, await without_withheld(connection, page.announcements))
        count += len(page.announcements)
        if page.position is None:
            return count
        next_position = page.position


async def _announce_facts(pool: Pool, progress: _Progress, newest: int) -> int:
    await _wait_for_relay(pool)
    async with transaction(pool) as connection:
        await progress.note(connection, FACTS, None)
        announcements = await sent_facts.take_page(connection, newest, PAGE)
        await append(connection, announcements)
    return len(announcements)


async def _wait_for_relay(pool: Pool) -> None:
    while await pool.fetchval(COUNT_OUTBOX, LONGEST_OUTBOX) >= LONGEST_OUTBOX:  # noqa: ASYNC110  # another process
        await asyncio.sleep(WAIT_S)
