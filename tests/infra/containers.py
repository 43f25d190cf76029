"""PostgreSQL and Kafka in containers, where an engine answers."""

from contextlib import AsyncExitStack


def postgres_container(resources: AsyncExitStack) -> str | None:
    if not engine_answers():
        return None
    from testcontainers.community.postgres import PostgresContainer

    container = resources.enter_context(PostgresContainer("postgres:18", driver=None))
    url: str = container.get_connection_url()
    return url


def kafka_container(resources: AsyncExitStack) -> str | None:
    if not engine_answers():
        return None
    from testcontainers.community.kafka import KafkaContainer

    container = resources.enter_context(KafkaContainer("apache/kafka:4.4.0").with_kraft())
    bootstrap: str = container.get_bootstrap_server()
    return bootstrap


def engine_answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException:
        return False
    return True
