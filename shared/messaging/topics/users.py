"""The brokers' users (SASL/SCRAM-SHA-512), whose passwords come from a file of an operator."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.messaging.topics.admin import TIMEOUT_S, settle
from shared.messaging.topics.grants import ADMIN, OPS, SCALING

USERS = (*SERVICES, *OUTSIDE_WRITERS, OPS, SCALING, ADMIN)
ITERATIONS = 8192
"""Of the key derivation; Kafka's own tools take 4096."""


def users_without_password(client: AdminClient, users: Iterable[str]) -> list[str]:
    """Returns the users for whom the cluster has no SCRAM-SHA-512 credential. Raises KafkaException."""
    answer: Any = client.describe_user_scram_credentials()
    described = answer.result(TIMEOUT_S)
    present = {
        name
        for name, user in described.items()
        if any(info.mechanism == ScramMechanism.SCRAM_SHA_512 for info in user.scram_credential_infos)
    }
    return sorted(set(users) - present)


def set_passwords(client: AdminClient, passwords: Mapping[str, str]) -> None:
    """Creates the users, or gives them these passwords. Raises KafkaException."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    upsertions: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(name, info, password.encode()) for name, password in passwords.items()
    ]
    settle(client.alter_user_scram_credentials(upsertions))


def read_names(path: Path) -> dict[str, str]:
    """Returns the lines `name=value` of a file, each for one of USERS. Raises OSError, ValueError."""
    values: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = (part.strip() for part in line.partition("="))
        if name not in USERS or not separator or not value:
            raise ValueError(f"{path}, line {number}: expected NAME=VALUE, where NAME is one of {', '.join(USERS)}")
        values[name] = value
    return values
