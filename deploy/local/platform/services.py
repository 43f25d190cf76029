"""The five services as child processes: their commands and their environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.databases import app_dsn, owner_dsn, process_dsn
from deploy.local.platform.kafka import Kafka
from deploy.local.platform.paths import REPOSITORY, Layout
from deploy.local.platform.ports import HOST, PAGES_NAME, Ports
from deploy.local.platform.postgres import Postgres
from deploy.local.platform.probes import answers
from deploy.local.platform.provider import psc_variables
from deploy.local.platform.secrets import Secrets
from shared.messaging.topics.grants import ADMIN, OPS

NAMES = ("identity", "records", "consent", "audit", "notify")
INSTANCE_ID = "local"
SENDER = "no-reply@dmp.example"
CERTIFICATE_ISSUER = "https://records.dmp.example/certificates"
"""The issuer that vaccination certificates name. A verifier on this machine gets its keys from records itself."""
Role = Literal["api", "worker", "mllp", "extract"]
ROLES: Mapping[str, tuple[Role, ...]] = {"records": ("api", "worker", "mllp", "extract")}
_CONSUMERS: frozenset[Role] = frozenset({"worker", "extract"})
"""The long-running processes of services that have more than an API and a worker."""
RINGS: Mapping[str, Mapping[str, str]] = {
    "identity": {
        "ins_hmac": "ins-hmac",
        "contacts": "contacts",
        "people_to_call": "people-to-call",
        "persons": "persons",
    },
    "records": {"ins_hmac": "ins-hmac", "kek": "kek", "people_to_call": "people-to-call", "insurance": "insurance"},
    "audit": {"motives": "motives", "reasons": "reasons", "kek": "audit-kek"},
    "notify": {"contacts": "contacts"},
}
"""The keyrings of each service: the setting in its section KEYS__, and the name of the secret."""


def roles_of(service: str) -> tuple[Role, ...]:
    """Returns the long-running processes of a service."""
    return ROLES.get(service, ("api", "worker"))


def keyrings_of(secrets: Secrets, service: str) -> dict[str, str]:
    """Returns the keyrings of a service by their setting."""
    return {setting: secrets.keyring(name) for setting, name in RINGS.get(service, {}).items()}


@dataclass(frozen=True)
class Services:
    """The inputs of the services' environments."""

    layout: Layout
    postgres: Postgres
    kafka: Kafka
    ports: Ports | Mapping[str, int]
    secrets: Secrets
    extra: Mapping[str, str]

    def url(self, service: str, role: Role = "api") -> str:
        """Returns the base URL of a service's process."""
        return f"http://{HOST}:{self.ports[f'{service}-{role}']}"

    def _pages(self) -> str:
        """Returns the address of all pages (`deploy.local.platform.front`)."""
        return f"http://{PAGES_NAME}:{self.ports['front']}"

    def migrate(self, service: str) -> ChildSpec:
        """Returns the command that migrates the service's database to the present schema."""
        variables = {
            **self.variables(service),
            f"{service.upper()}_POSTGRES__OWNER_DSN": owner_dsn(self.postgres, self.secrets, service),
        }
        return self._spec(service, "migrate", variables, port=None)

    def process(self, service: str, role: Role) -> ChildSpec:
        """Returns a long-running process of a service, which has its own database role."""
        prefix, variables = service.upper(), self.variables(service)
        database_role = "worker" if role in _CONSUMERS else "api"
        variables[f"{prefix}_POSTGRES__DSN"] = process_dsn(self.postgres, self.secrets, service, database_role)
        if role in _CONSUMERS:
            variables[f"{prefix}_KAFKA__INSTANCE_ID"] = INSTANCE_ID
        if role in ("mllp", "extract"):
            variables[f"{prefix}_WORKER__PORT"] = str(self.ports[f"{service}-{role}"])
        return self._spec(service, role, variables, self.ports[f"{service}-{role}"])

    def all(self) -> list[ChildSpec]:
        """Returns all long-running processes."""
        return [self.process(service, role) for service in NAMES for role in roles_of(service)]

    def variables(self, service: str) -> dict[str, str]:
        """Returns the settings that all commands of a service have."""
        login = self.kafka.credentials(service)
        common = {
            "POSTGRES__DSN": app_dsn(self.postgres, self.secrets, service),
            "KAFKA__BOOTSTRAP": self.kafka.bootstrap,
            "KAFKA__USERNAME": login.username,
            "KAFKA__PASSWORD": login.password,
            "KAFKA__PROFILE": "local",
            "HTTP__HOST": HOST,
            "HTTP__PORT": str(self.ports[f"{service}-api"]),
            "HTTP__TRUSTED_PROXIES": HOST,  # a TLS entrance on this machine
            "METRICS__HOST": HOST,
            "METRICS__PORT": str(self.ports[f"{service}-metrics"]),
            "WORKER__HOST": HOST,
            "WORKER__PORT": str(self.ports[f"{service}-worker"]),
            "TOKENS__ISSUER": self.url("identity"),
            "TOKENS__JWKS_URL": f"{self.url('identity')}/.well-known/jwks.json",
            **{f"KEYS__{name.upper()}": ring for name, ring in keyrings_of(self.secrets, service).items()},
            **self._own(service),
        }
        return {f"{service.upper()}_{name}": value for name, value in common.items()}

    def _own_of_records(self) -> dict[str, str]:
        """Returns the settings of certificates, and of warnings, which are on: every patient here is invented."""
        return {
            "KEYS__CERTIFICATES": self.secrets.certificate_keys(),
            "CERTIFICATES__ISSUER": CERTIFICATE_ISSUER,
            "KEYS__REASONS": self.secrets.keyring("reasons"),
            "WARNINGS__ENABLED": "true",
        }

    def _own(self, service: str) -> dict[str, str]:
        """Returns the settings that only this service has."""
        match service:
            case "identity":
                return {
                    "KEYS__SIGNING": self.secrets.signing_keys("identity"),
                    "KEYS__RECEIPTS": self.secrets.signature_keys("receipts", "identity"),
                    **psc_variables(self.secrets, self.ports["psc"], self.url("identity"), self._pages()),
                    "PROFESSIONALS__MOTIVES": self.secrets.keyring("motives"),
                    "OPENINGS__WINDOW_DAYS": "0",  # a person watches a campaign on one machine to its end
                    "DEMO__SIGN_IN": "true",
                    "DEMO__TEST_NIR_KEYS": "true",
                }
            case "records":
                return {
                    "KEYS__SIGNATURES": self.secrets.signature_keys("signatures", "records"),
                    "MLLP__HOST": HOST,
                    "MLLP__PORT": str(self.ports["mllp"]),
                    "MLLP__PLAINTEXT": "true",
                    "MLLP__PROCESSING_IDS": '["P", "T", "D"]',
                    **self._own_of_records(),
                }
            case "audit":
                return {"KEYS__SIGNATURES": self.secrets.signature_keys("signatures", "audit")}
            case "notify":
                return {
                    "SMTP__HOST": HOST,
                    "SMTP__PORT": str(self.ports["smtp"]),
                    "SMTP__SENDER": SENDER,
                    "SERVICE__NAME": "DMP de démonstration",
                    "SERVICE__SENDER_NAME": "DMP",
                    "SERVICE__SITE": "dmp.example",
                    "SERVICE__TELEPHONE": "01 99 00 00 00",  # a number that ARCEP keeps for fiction
                    "FOLDERS__SMS": str(self.layout.sms),
                    "FOLDERS__LETTERS": str(self.layout.letters),
                    "GATEWAYS__SMS_CERTIFICATE_FILE": str(self.layout.gateway_certificate),
                    "GATEWAYS__LETTERS_CERTIFICATE_FILE": str(self.layout.gateway_certificate),
                    "ALERTS__WINDOW_S": "0",  # a person waits for the alert of each deposit on one machine
                }
            case _:
                return {}

    def _spec(self, service: str, command: str, variables: Mapping[str, str], port: int | None) -> ChildSpec:
        async def healthy() -> bool:
            return port is None or await answers(port, "/readyz")

        name = f"{service}-{command}"
        return ChildSpec(
            name=name,
            command=(sys.executable, "-m", f"services.{service}", command),
            log=self.layout.log(name),
            healthy=healthy,
            directory=REPOSITORY,
            environment={**os.environ, "PYTHONUNBUFFERED": "1", **variables, **self.extra},
            grace=4,
        )


def of_installation(layout: Layout, installation: Mapping[str, Any]) -> Services:
    """Returns the services of a running installation, from the content of its `endpoints.json`."""
    secrets, ports = Secrets.load(layout.secrets), installation["ports"]
    data, password = Path(installation["folders"]["postgres"]), secrets.password("postgres/superuser")
    passwords = {user: secrets.password(f"kafka/{user}") for user in (ADMIN, OPS, *NAMES)}
    kafka = Kafka(Path(), layout.kafka, Path(), ports["kafka"], ports["kafka-controller"], passwords)
    return Services(layout, Postgres(Path(), data, None, ports["postgres"], password), kafka, ports, secrets, {})
