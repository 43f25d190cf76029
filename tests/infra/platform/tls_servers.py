"""A second Kafka that speaks TLS, and TLS before the PostgreSQL of the tests, whose build has none."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from deploy.local.platform.kafka import Kafka, prepare_kafka
from deploy.local.platform.paths import Layout
from deploy.local.platform.ports import HOST, Ports
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import NAMES
from deploy.local.platform.supervisor import Supervisor
from shared.runtime.settings import KafkaSettings
from tests.infra.platform.certificates import Authority, CertificateFiles

SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
"""PostgreSQL protocol, SSLRequest."""
SESSION_MS = 3000
"""How long a connection lives that was authenticated by name and password."""
SUPERUSERS = "User:broker;User:admin;User:CN=admin"


@dataclass(frozen=True)
class TlsKafka(Kafka):
    """A broker with a listener for TLS alone (client certificates), and one for TLS with names and passwords.

    It creates topics for whoever asks and may, as many brokers do.
    """

    ssl_port: int
    sasl_ssl_port: int
    server: CertificateFiles
    authority: Authority

    def _properties(self, data: Path) -> str:
        values = dict(line.split("=", 1) for line in super()._properties(data).splitlines())
        listeners = f",TLS://{HOST}:{self.ssl_port},LOGIN://{HOST}:{self.sasl_ssl_port}"
        values["listeners"] += listeners
        values["advertised.listeners"] += listeners
        values["listener.security.protocol.map"] += ",TLS:SSL,LOGIN:SASL_SSL"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        values |= {
            "listener.name.login.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.login.scram-sha-512.connections.max.reauth.ms": str(SESSION_MS),
            "listener.name.tls.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.server.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "auto.create.topics.enable": "true",
            "super.users": SUPERUSERS,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def settings(self, user: str, security: str = "sasl_ssl", **changes: Any) -> KafkaSettings:
        """Returns the settings of a client, which the broker knows by its password or by its certificate."""
        values: dict[str, Any] = {"security": security, "ca_file": self.authority.file, "profile": "local"}
        if security == "ssl":
            client = self.authority.issue(user)
            values |= {"bootstrap": f"{HOST}:{self.ssl_port}"}
            values |= {"certificate_file": client.certificate, "key_file": client.key}
        else:
            values |= {"bootstrap": f"{HOST}:{self.sasl_ssl_port}", "username": user, "password": self.passwords[user]}
        return KafkaSettings.model_validate({**values, **changes})


@asynccontextmanager
async def tls_kafka(folder: Path) -> AsyncIterator[TlsKafka]:
    """Yields a broker of its own, whose data lie in the folder."""
    layout, authority = Layout(folder / "var"), Authority(folder)
    layout.create()
    with Ports() as ports:
        ports.claim(names := ("tls-kafka", "tls-kafka-controller", "tls-kafka-ssl", "tls-kafka-sasl-ssl"), None)
        numbers = [ports[name] for name in names]
        plain = prepare_kafka(layout, Secrets.load(layout.secrets), (numbers[0], numbers[1]), NAMES)
        parts = {field.name: getattr(plain, field.name) for field in fields(plain)}
        kafka = TlsKafka(
            **parts,
            ssl_port=numbers[2],
            sasl_ssl_port=numbers[3],
            server=authority.issue("broker"),
            authority=authority,
        )
        async with _running(kafka.spec(layout.log("kafka"))):
            yield kafka


class TlsFront:
    """Speaks PostgreSQL's TLS before a server that cannot, and refuses whoever does not ask for TLS first.

    `startups`: the first message of each connection, which names its application.
    """

    def __init__(self, host: str, port: int, files: CertificateFiles) -> None:
        self._upstream = (host, port)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.show(files)
        self.startups: list[bytes] = []
        self.port = 0

    def show(self, files: CertificateFiles) -> None:
        """Shows this certificate on every new connection."""
        self._context.load_cert_chain(files.certificate, files.key)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listens on the loopback for the duration of the block."""
        async with await asyncio.start_server(self._on_connection, HOST, 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.startups.append(startup := await reader.read(8192))
                up_reader, up_writer = await asyncio.open_connection(*self._upstream)
                up_writer.write(startup)
                await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def _running(spec: Any) -> AsyncIterator[None]:
    supervisor = Supervisor(lambda _progress: None)
    try:
        await supervisor.start(spec)
        yield
    finally:
        await supervisor.stop_all()
