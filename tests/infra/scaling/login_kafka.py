"""An installation whose broker also listens as the one of a cluster does: TLS, with names and passwords."""

from dataclasses import dataclass, fields
from pathlib import Path

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.kafka import Kafka
from deploy.local.platform.ports import HOST
from deploy.local.platform.stack import Stack
from tests.infra.platform.certificates import Authority, CertificateFiles
from tests.infra.platform.kafka_listeners import with_tls_listener

_PORT = "kafka-login"


@dataclass(frozen=True)
class LoginKafka(Kafka):
    """A broker with one more listener. `authority`: the file of who certifies it."""

    login_port: int
    server: CertificateFiles
    authority: Path

    def _properties(self, data: Path) -> str:
        return with_tls_listener(super()._properties(data), "LOGIN", f"{HOST}:{self.login_port}", self.server)


class LoginStack(Stack):
    """A Stack with such a broker; its own processes use the unencrypted listener."""

    kafka: LoginKafka

    def _port_names(self) -> list[str]:
        return [*super()._port_names(), _PORT]

    def _prepare(self) -> list[ChildSpec]:
        specs = [spec for spec in super()._prepare() if spec.name != "kafka"]
        authority = Authority(self.layout.secrets)
        parts = {field.name: getattr(self.kafka, field.name) for field in fields(Kafka)}
        server = authority.issue("broker")
        self.kafka = LoginKafka(**parts, login_port=self.ports[_PORT], server=server, authority=authority.file)
        return [*specs, self.kafka.spec(self.layout.log("kafka"))]
