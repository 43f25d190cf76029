"""An administrator's client of a Kafka cluster. aiokafka has no calls for permissions, so it is confluent-kafka's."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from shared.messaging.connection import librdkafka_options
from shared.runtime.settings import KafkaSettings

TIMEOUT_S = 30.0
CONNECT_S = 10.0
"""For the first question to a cluster."""


def ignore_error(_error: KafkaError) -> None:
    """Ignores an error of a connection: the call that needs it fails."""


def admin_client(settings: KafkaSettings, on_error: Callable[[KafkaError], None] = ignore_error) -> AdminClient:
    """Returns a client for topics, permissions and users that logs nothing. `on_error`: errors of its connections."""
    config: dict[str, Any] = {
        **librdkafka_options(settings),
        "socket.connection.setup.timeout.ms": 5000,
        "log_level": 0,
        "error_cb": on_error,
    }
    return AdminClient(config)


def settle(futures: Mapping[Any, Future[Any]], ignore: int | None = None) -> None:
    """Waits for all results. Raises KafkaException, except for errors of the code `ignore`."""
    for future in futures.values():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != ignore:
                raise
