"""What stands beside the pods in the network namespace of a test cluster: PostgreSQL, Kafka, the mail server, the test
provider. Pods reach them at the bridge's address; Kafka, the mail server and the provider by TLS.

PostgreSQL's build has no TLS: what it says to pods crosses the namespace's bridge unencrypted, as their DSN says.
"""

import asyncio
import logging
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult

from deploy.cluster.network import ADDRESS, CLUSTER_NETWORK
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.databases import create_databases
from deploy.local.platform.kafka import Kafka
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.provider import CLIENT_ID, PEOPLE
from deploy.local.platform.psc import Client, Person, Provider, make_provider
from deploy.local.platform.services import NAMES, Role
from deploy.local.platform.smtp import MailCatcher
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Report, run_together
from deploy.manifests.variables import DOMAIN, KAFKA_PORT
from tests.infra.platform.certificates import Authority, CertificateFiles
from tests.infra.platform.kafka_listeners import with_tls_listener
from tests.infra.platform.waiting import eventually

PROVIDER_ADDRESS: Final = "10.77.0.2"
"""The provider's own address on the bridge: the edge has the usual port on the other one."""
SMTP_PORT: Final = 465
HTTPS_PORT: Final = 443
_ACCESS: Final = f"""\
host all all 127.0.0.1/32 scram-sha-256
host all all {CLUSTER_NETWORK} scram-sha-256
"""


@dataclass(frozen=True)
class BridgePostgres(Postgres):
    """A server that listens on the bridge, too."""

    access: Path

    def spec(self, log: Path) -> ChildSpec:
        """Returns how the supervisor runs the server."""
        spec = super().spec(log)
        settings = (f"listen_addresses=127.0.0.1,{ADDRESS}", f"hba_file={self.access}", "max_connections=400")
        return replace(spec, command=(*spec.command, *(word for value in settings for word in ("-c", value))))


@dataclass(frozen=True)
class BridgeKafka(Kafka):
    """A broker with a listener on the bridge, for names and passwords over TLS."""

    server: CertificateFiles

    def _properties(self, data: Path) -> str:
        return with_tls_listener(super()._properties(data), "PODS", f"{ADDRESS}:{KAFKA_PORT}", self.server)


class PlatformStack(Stack):
    """The installation of one machine without its services, which run as pods.

    `authority` certifies every server that pods reach.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        super().__init__(folder, report=report)
        self.layout.create()
        self.authority = Authority(self.layout.folder)

    def url(self, service: str, role: Role = "api") -> str:
        """Returns the URL of a service's API at the edge; no name of a worker is resolved."""
        return f"https://{service if role == 'api' else f'{service}-{role}'}.{DOMAIN}"

    def _prepare(self) -> list[ChildSpec]:
        super()._prepare()
        access = self.layout.folder / "access.conf"
        access.write_text(_ACCESS, "utf-8")
        self.postgres = BridgePostgres(**_values(self.postgres), access=access)
        server = self.authority.issue("kafka", [ADDRESS])
        self.kafka = BridgeKafka(**_values(self.kafka), server=server)
        return [self.postgres.spec(self.layout.log("postgres")), self.kafka.spec(self.layout.log("kafka"))]

    async def _start_services(self) -> None:
        self.services = self._make_services()
        await run_together(
            self._step("databases", create_databases(self.postgres, self.secrets, NAMES)),
            self._step("topics", self._create_topics()),
        )
        self.secrets.password("psc")
        for service in NAMES:
            self.services.variables(service)  # makes the keys that are missing
        self.secrets.save()


@asynccontextmanager
async def mail_server(stack: PlatformStack) -> AsyncIterator[None]:
    """Catches mails on the bridge, over TLS from the first byte, from clients that know the password.

    Of TLS that is there before the session, aiosmtpd knows nothing and warns at each.
    """
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="aiosmtpd")
    name = f"smtp.{DOMAIN}"
    context = server_context(stack.authority.issue("smtp", [name]))
    catcher = MailCatcher(stack.layout.mail)
    password = stack.secrets.password("smtp")

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, login: object) -> AuthResult:
        return AuthResult(success=getattr(login, "password", b"") == password.encode())

    def session() -> SMTP:
        login: dict[str, Any] = {"authenticator": check, "auth_required": True}
        login |= {"auth_require_tls": False}  # TLS is there from the first byte
        return SMTP(catcher, enable_SMTPUTF8=True, hostname=name, **login)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, ADDRESS, SMTP_PORT, ssl=context)
    async with server:
        yield


@asynccontextmanager
async def provider(stack: PlatformStack) -> AsyncIterator[None]:
    """Runs the test provider on the bridge, over TLS."""
    name = f"psc.{DOMAIN}"
    files = stack.authority.issue("psc", [name])
    client = Client(CLIENT_ID, stack.secrets.password("psc"), f"{stack.url('identity')}/professionals/callback")
    people: list[dict[str, Any]] = [dict(person) for person in PEOPLE]
    app = make_provider(Provider(f"https://{name}", [Person(**person) for person in people], [client]))
    config = uvicorn.Config(
        app,
        host=PROVIDER_ADDRESS,
        port=HTTPS_PORT,
        ssl_certfile=files.certificate,
        ssl_keyfile=files.key,
        log_level="critical",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await eventually(listens)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """Returns the TLS of a server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


def _values(part: Postgres | Kafka) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}
