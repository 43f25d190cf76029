"""PostgreSQL and Kafka in containers, where an engine answers."""

import socket
from contextlib import AsyncExitStack

_CLIENT_PORT = 9092
_KAFKA = {
    "node.id": 1,
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": "1@localhost:9094",
    "inter.broker.listener.name": "BROKER",
    "listeners": f"PLAINTEXT://:{_CLIENT_PORT},BROKER://:9093,CONTROLLER://:9094",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
}


def postgres_container(resources: AsyncExitStack) -> str | None:
    """The DSN of a superuser on a PostgreSQL that runs until `resources` end; None where no engine answers."""
    if not engine_answers():
        return None
    from testcontainers.community.postgres import PostgresContainer

    container = resources.enter_context(PostgresContainer("postgres:18", driver=None))
    url: str = container.get_connection_url()
    return url


def kafka_container(resources: AsyncExitStack) -> str | None:
    """The bootstrap address of a Kafka that runs until `resources` end; None where no engine answers."""
    if not engine_answers():
        return None
    # KafkaContainer of testcontainers starts the images of Confluent only.
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = _free_port()
    container = DockerContainer("apache/kafka:4.4.0").with_bind_ports(_CLIENT_PORT, port)
    for name, value in kafka_environment(port).items():
        container.with_env(name, value)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    resources.enter_context(container)
    return f"127.0.0.1:{port}"


def kafka_environment(port: int) -> dict[str, str]:
    """The settings of a broker that clients reach at this port of the machine, as Apache's image takes them."""
    advertised = f"PLAINTEXT://127.0.0.1:{port},BROKER://localhost:9093"
    settings = {**_KAFKA, "advertised.listeners": advertised}
    return {f"KAFKA_{name.replace('.', '_').upper()}": str(value) for name, value in settings.items()}


def engine_answers() -> bool:
    """Whether a container engine answers here."""
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
