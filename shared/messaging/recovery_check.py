"""Says what a service still lacks after a restore or on another Kafka cluster. It changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from shared.contracts.declarations import Topic
from shared.db.pool import Connection, Pool, transaction
from shared.messaging import offsets
from shared.messaging.outbox.announce_anew import NO_TIME_LIMIT, SELECT_MOVE
from shared.messaging.outbox.lost import OpenTopicLog, TopicLog, compare
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.recovery import CopyAhead, Recovery
from shared.messaging.subscription import Subscription

IDS_SHOWN = 20
COUNT_FACTS = "select count(*) from sent_facts where id <= $1"
COUNT_ALL_FACTS = "select count(*) from sent_facts"
COUNT_REFUSED = "select count(*) from refused_announcements"
SELECT_PARKED = """
select group_name, reason, count(*) as count, (array_agg(id::text order by parked_at, id))[1:20] as ids
from parked_messages group by group_name, reason order by group_name, reason"""


@dataclass
class Missing:
    """How many there are, and the ids of the first ones."""

    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, id: str) -> None:
        """Counts one more."""
        self.count += 1
        if len(self.ids) < IDS_SHOWN:
            self.ids.append(id)


@dataclass
class RecoveryCheck:
    """What a service still lacks.

    `cluster`: "same", "another" (nothing is announced on it yet) or "announcing". `lost`: what its topics hold and the
    database does not, by topic. `to_announce`: facts that are to be sent again. `refused`: announcements that the
    broker refuses. `offsets_lost`: group, topic and partition whose offset the log does not have. `unread`: events on
    the topics without an effect here, by group. `parked`: those that wait here, by group and reason. `missing`: ids
    without an effect, by effect. `ahead`: copies that their owner has lost.
    """

    cluster: str = "same"
    lost: dict[str, int] = field(default_factory=dict)
    to_announce: int = 0
    refused: int = 0
    offsets_lost: list[str] = field(default_factory=list)
    unread: dict[str, Missing] = field(default_factory=dict)
    parked: dict[str, Missing] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)
    ahead: list[CopyAhead] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        left = (self.lost, self.to_announce, self.refused, self.offsets_lost, self.unread, self.parked, self.missing)
        return self.cluster == "same" and not any(left) and not self.ahead


async def check_recovery(
    pool: Pool,
    connect: OpenTopicLog,
    topics: Sequence[Topic],
    subscriptions: Sequence[Subscription],
    recovery: Recovery,
) -> RecoveryCheck:
    """Compares the database with the topics."""
    check = RecoveryCheck()
    async with connect() as topic_log, transaction(pool) as connection:
        await connection.execute(NO_TIME_LIMIT)
        await _check_announcements(connection, topic_log, topics, check)
        for subscription in subscriptions:
            await _check_subscription(connection, topic_log, subscription, check)
        for topic, select_versions in recovery.copies.items():
            await _check_copies(connection, topic_log, topic, select_versions, check)
        for row in await connection.fetch(SELECT_PARKED):
            check.parked[f"{row['group_name']} {row['reason']}"] = Missing(row["count"], list(row["ids"]))
        for effect, ids in (await recovery.find_missing(connection)).items():
            if ids:
                check.missing[effect] = Missing(len(ids), list(ids[:IDS_SHOWN]))
    return check


async def _check_announcements(
    connection: Connection, topic_log: TopicLog, topics: Sequence[Topic], check: RecoveryCheck
) -> None:
    comparison = await compare(connection, topic_log, topics)
    move = await connection.fetchrow(SELECT_MOVE, topic_log.cluster_id)
    if comparison.needs_announcing:
        check.cluster, check.to_announce = "another", int(await connection.fetchval(COUNT_ALL_FACTS))
    elif move is not None and move["finished_at"] is None:
        check.cluster = "announcing"
        check.to_announce = int(await connection.fetchval(COUNT_FACTS, move["newest_fact"]))
    for record in comparison.lost:
        check.lost[record.place.topic] = check.lost.get(record.place.topic, 0) + 1
    check.refused = int(await connection.fetchval(COUNT_REFUSED))


async def _check_subscription(
    connection: Connection, topic_log: TopicLog, subscription: Subscription, check: RecoveryCheck
) -> None:
    """Reads what the group has not read yet."""
    group = subscription.group.name
    rows = await offsets.load_offsets(connection, group)  # before the ends, which a member may pass meanwhile
    ends = await topic_log.ends(subscription.group.topics)
    begins = await topic_log.begins(list(ends))
    starts: dict[TopicPartition, int] = {}
    for (topic, number), stored in rows.items():
        place = TopicPartition(topic, number)
        if stored.cluster_id == topic_log.cluster_id and place in ends:
            starts[place] = stored.next
            if not begins[place] <= stored.next <= ends[place]:
                check.offsets_lost.append(f"{group} {topic} {number}")
    handled = {event.ce_type for event in subscription.events}
    unread = Missing()
    async for page in topic_log.read(starts, ends):
        for record in page:
            if record.event_type in handled and record.body is not None:
                unread.add(str(record.event_id))
    if unread.count:
        check.unread[group] = unread


async def _check_copies(
    connection: Connection, topic_log: TopicLog, topic: Topic, select_versions: str, check: RecoveryCheck
) -> None:
    """Compares the versions of copies with the newest ones on the topic of their owner."""
    versions: dict[str, int] = {}
    async for page in topic_log.read({}, await topic_log.ends([topic])):
        for record in page:
            if record.body is not None:
                version = int(orjson.loads(record.body).get("version", 0))
                versions[record.key] = max(version, versions.get(record.key, 0))
    for row in await connection.fetch(select_versions):
        if row["version"] > versions.get(row["key"], 0):
            check.ahead.append(CopyAhead(topic.name, row["key"], row["version"], versions.get(row["key"], 0)))
