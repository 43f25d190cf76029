"""Makes the topics, users and permissions of the broker of one machine, see `shared/messaging/topics`."""

from collections.abc import Collection, Mapping

from deploy.local.platform.errors import LocalError
from deploy.local.platform.kafka import Credentials, admin_client
from shared.messaging.topics.cluster_topics import ClusterTopics, Replication
from shared.messaging.topics.layouts import declared_topics
from shared.messaging.topics.permissions import grant
from shared.messaging.topics.users import set_passwords, users_without_password

ONE_BROKER = Replication(factor=1, in_sync=1)


def make_users(bootstrap: str, admin: Credentials, passwords: Mapping[str, str]) -> None:
    """Creates the users whom the broker of an older installation lacks; the others keep their passwords."""
    client = admin_client(bootstrap, admin)
    absent = users_without_password(client, passwords)
    if absent:
        set_passwords(client, {name: passwords[name] for name in absent})


def make_topics(
    bootstrap: str,
    admin: Credentials,
    unsent: Collection[tuple[str, str]] = (),
    replication: Replication = ONE_BROKER,
) -> None:
    """Creates what is missing and changes what may be changed. `unsent`: as for `grant`.

    Raises LocalError if a topic cannot be made as declared.
    """
    client = admin_client(bootstrap, admin)
    kept: list[str] = []
    left = ClusterTopics(client, declared_topics(profile="local"), replication).apply(kept.append)
    if left:
        reasons = "; ".join(line for line in kept if any(line.startswith(f"{each.topic}: ") for each in left))
        raise LocalError(reasons or "; ".join(map(str, left)))
    grant(client, unsent=unsent)
