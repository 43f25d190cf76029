"""Formats a broker's storage at the first start, then becomes Apache Kafka (KRaft). Standard library only.

KAFKA_NODE_ID     number of this node (1)
KAFKA_HOST        the name by which clients and other nodes reach it
KAFKA_VOTERS      all nodes, `1@kafka-1:9093,...`
KAFKA_CLUSTER_ID  one and the same for all nodes, 16 bytes in base64url
KAFKA_SECRETS     folder with the files `broker` and `admin`: the passwords of these users (SCRAM-SHA-512); `tls.crt`
                  and `tls.key`: this node's certificate and key; `ca.crt`: who certifies the nodes
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DATA = Path("/var/lib/kafka/data")
PROPERTIES = Path("/tmp/server.properties")  # noqa: S108  # the container's own, in memory
KEYSTORE = Path("/tmp/server.pem")  # noqa: S108  # likewise
MECHANISM = "SCRAM-SHA-512"
CLIENT_PORT, CONTROLLER_PORT = 9092, 9093
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_JVM = ("-XX:+UseSerialGC", "--sun-misc-unsafe-memory-access=allow", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def properties(environment: Mapping[str, str], data: Path, broker: str) -> str:
    """Returns the text of server.properties. `broker`: the password of the user `broker`."""
    host, voters = environment["KAFKA_HOST"], environment["KAFKA_VOTERS"]
    nodes = len(voters.split(","))
    copies, needed = min(nodes, 3), 2 if nodes > 2 else 1
    controller = f'{_PLAIN} required username="broker" password="{broker}" user_broker="{broker}";'
    values = {
        "process.roles": "broker,controller",
        "node.id": environment.get("KAFKA_NODE_ID", "1"),
        "controller.quorum.voters": voters,
        "listeners": f"CLIENTS://:{CLIENT_PORT},CONTROLLER://:{CONTROLLER_PORT}",
        "advertised.listeners": f"CLIENTS://{host}:{CLIENT_PORT}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": KEYSTORE,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": Path(environment["KAFKA_SECRETS"]) / "ca.crt",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            f'{_SCRAM} required username="broker" password="{broker}";'
        ),
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": controller,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:broker;User:admin",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "default.replication.factor": copies,
        "min.insync.replicas": needed,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": needed,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": needed,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def java(memory: str) -> list[str]:
    """Returns the command of Java up to the main class."""
    return ["/opt/java/bin/java", f"-Xmx{memory}", *_JVM, "-cp", "/opt/kafka/*"]


def format_storage(environment: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    """Formats a draft folder and renames it when it is complete; passwords are passed by file. Raises SystemExit."""
    draft, settings, words = DATA.with_name("new"), Path("/tmp/format.properties"), Path("/tmp/format")  # noqa: S108
    subprocess.run(["rm", "-rf", str(draft)], check=True)
    draft.mkdir()
    users = [f"--add-scram\n{MECHANISM}=[name={name},password={password}]" for name, password in passwords.items()]
    settings.write_text(properties(environment, draft, passwords["broker"]))
    words.write_text("\n".join([f"--config={settings}", f"--cluster-id={environment['KAFKA_CLUSTER_ID']}", *users]))
    done = subprocess.run([*java("256m"), "kafka.tools.StorageTool", "format", f"@{words}"], check=False)
    settings.unlink()
    words.unlink()
    if done.returncode != 0:
        sys.exit("the storage could not be formatted")
    draft.rename(DATA)


def is_healthy() -> bool:
    """Returns whether the broker listens for clients."""
    try:
        with socket.create_connection(("127.0.0.1", CLIENT_PORT), timeout=3):
            return True
    except OSError:
        return False


def main() -> None:
    """Runs the broker in place of this process."""
    os.umask(0o077)
    secrets = Path(os.environ["KAFKA_SECRETS"])
    passwords = {user: (secrets / user).read_text().strip() for user in ("broker", "admin")}
    KEYSTORE.write_text((secrets / "tls.key").read_text() + (secrets / "tls.crt").read_text())
    if not (DATA / "meta.properties").exists():
        format_storage(os.environ, passwords)
    PROPERTIES.write_text(properties(os.environ, DATA, passwords["broker"]))
    command = [*java(os.environ.get("KAFKA_MEMORY", "1g")), "kafka.Kafka", str(PROPERTIES)]
    os.execv(command[0], command)  # noqa: S606  # the purpose of this program


if __name__ == "__main__":
    if sys.argv[1:] == ["health"]:
        sys.exit(0 if is_healthy() else 1)
    main()
