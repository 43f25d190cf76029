"""An installation whose topics stand on three brokers: a record counts once two of them have it."""

import asyncio
import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.kafka import BROKER, Kafka, admin_client
from deploy.local.platform.ports import HOST
from deploy.local.platform.stack import Stack
from shared.messaging.topics.cluster_topics import Replication
from shared.messaging.topics.grants import ADMIN

BROKERS: Final = ("kafka", "kafka-2", "kafka-3")
"""The names of the brokers' processes."""


@dataclass(frozen=True)
class ClusterKafka(Kafka):
    """One of three brokers, each of which is a controller too. `nodes`: the ports of all, clients' and controllers'."""

    number: int
    nodes: tuple[tuple[int, int], ...]

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(f"{HOST}:{port}" for port, _ in self.nodes)

    def _cluster_id(self) -> str:
        return hashlib.sha256(self.passwords[BROKER].encode()).hexdigest()[:22]

    def _properties(self, data: Path) -> str:
        values = dict(line.split("=", 1) for line in super()._properties(data).splitlines())
        voters = (f"{number}@{HOST}:{controller}" for number, (_, controller) in enumerate(self.nodes, 1))
        values |= {"node.id": str(self.number), "controller.quorum.voters": ",".join(voters)}
        factors = [name for name in values if name.endswith("replication.factor")]
        in_sync = [name for name in values if name.endswith("min.isr")]
        values |= {**dict.fromkeys(factors, "3"), **dict.fromkeys(in_sync, "2"), "min.insync.replicas": "2"}
        return "".join(f"{name}={value}\n" for name, value in values.items())


class ClusterStack(Stack):
    """A Stack with three brokers."""

    replication = Replication(factor=3, in_sync=2)

    def _port_names(self) -> list[str]:
        others = [f"{name}{end}" for name in BROKERS[1:] for end in ("", "-controller")]
        return [*super()._port_names(), *others]

    def _prepare(self) -> list[ChildSpec]:
        specs = [spec for spec in super()._prepare() if spec.name != "kafka"]
        nodes = tuple((self.ports[name], self.ports[f"{name}-controller"]) for name in BROKERS)
        parts = {field.name: getattr(self.kafka, field.name) for field in fields(self.kafka)}
        first = ClusterKafka(**parts, number=1, nodes=nodes)
        self.kafka = first
        return [*specs, *(self._spec_of(first, number) for number in range(1, len(BROKERS) + 1))]

    def _spec_of(self, first: ClusterKafka, number: int) -> ChildSpec:
        name, (port, controller) = BROKERS[number - 1], first.nodes[number - 1]
        node = replace(
            first,
            number=number,
            port=port,
            controller_port=controller,
            data=first.data.with_name(name),
            properties=first.properties.with_name(f"{name}.properties"),
        )
        return replace(node.spec(self.layout.log(name)), name=name)

    async def is_in_sync(self) -> bool:
        """Returns whether every broker has every record of every partition."""
        client = admin_client(self.kafka.bootstrap, self.kafka.credentials(ADMIN))
        try:
            topics = (await asyncio.to_thread(client.list_topics, timeout=10)).topics.values()
        except KafkaException:
            return False
        partitions = [partition for topic in topics for partition in topic.partitions.values()]
        return all(len(partition.isrs) == len(BROKERS) for partition in partitions)
