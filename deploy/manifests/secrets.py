"""Secrets by External Secrets: from the installation's vault to the files that processes read. None stands here."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.cli.databases import OPERATOR
from deploy.manifests.objects import Manifest, manifest
from deploy.manifests.variables import OPERATOR_LOGIN, POSTGRES_PORT, SECRETS, SERVICE_FILE, cluster_name, key_files
from shared.contracts.declarations import SERVICES, Service
from shared.messaging.topics.grants import OPS, SCALING

API: Final = "external-secrets.io/v1"
REFRESHED: Final = "1h"
_STORE: Final = {"kind": "ClusterSecretStore", "name": "dmp-vault"}
_ROLES: Final = ("owner", "api", "worker", "dump")
_CARD_FILES: Final = ("roots", "persons", "organisations", "revocations")


def secrets() -> Iterator[Manifest]:
    """Yields the Secrets of all services, of Kafka's users and of the backups."""
    for service in SERVICES:
        yield from _secrets_of(service)
    for user in (OPS, SCALING):
        yield _secret(f"{user}-kafka", f"dmp/kafka/{user}", {"username": user, "password": "{{ .password }}"})
    login = {"username": OPERATOR, "password": "{{ .password }}"}
    yield _secret(OPERATOR_LOGIN, "dmp/operator", login, type_="kubernetes.io/basic-auth")
    yield _secret("backup-store", "dmp/backups", {"id": "{{ .id }}", "secret": "{{ .secret }}"})
    yield _secret("identity-cards", "dmp/identity/cards", {f"{n}.pem": f"{{{{ .{n} }}}}" for n in _CARD_FILES})
    gateways = {f"{name}.pem": f"{{{{ .{name} }}}}" for name in ("sms", "letters")}
    yield _secret("notify-gateways", "dmp/notify/gateways", gateways)
    yield _secret("records-mllp-senders", "dmp/records/mllp", {"ca.crt": "{{ .senders }}"})


def _secrets_of(service: Service) -> Iterator[Manifest]:
    roles = f"dmp/{service}/roles"
    for role in _ROLES:
        login = {"username": f"{service}_{role}", "password": _value(role)}
        yield _secret(f"{service}-{role}-role", roles, login, type_="kubernetes.io/basic-auth")
    logins = {f"{role}-dsn": _dsn(service, role) for role in ("api", "worker")}
    yield _secret(f"{service}-database", roles, logins)
    owner = {"owner-dsn": _dsn(service, "owner"), SERVICE_FILE: _service_file(service, "owner")}
    yield _secret(f"{service}-database-owner", roles, owner)
    yield _secret(f"{service}-database-dump", roles, {SERVICE_FILE: _service_file(service, "dump")})
    yield _secret(f"{service}-kafka", f"dmp/kafka/{service}", {"username": service, "password": "{{ .password }}"})
    if files := key_files(service):
        values = {file: _value(file) for file in files.values()}
        yield _secret(f"{service}-keys", f"dmp/{service}/keys", values)


def _dsn(service: Service, role: str) -> str:
    server = f"{cluster_name(service)}-rw:{POSTGRES_PORT}"
    password = f'{{{{ index . "{role}" | urlquery }}}}'
    verified = f"sslmode=verify-full&sslrootcert={SECRETS}/postgres-ca.crt"
    return f"postgresql://{service}_{role}:{password}@{server}/{service}?{verified}"


def _service_file(service: Service, role: str) -> str:
    """Returns the connection as libpq's programs read it, so that no password stands on a command line."""
    fields = {
        "host": f"{cluster_name(service)}-rw",
        "port": str(POSTGRES_PORT),
        "dbname": service,
        "user": f"{service}_{role}",
        "password": _value(role),
        "sslmode": "verify-full",
        "sslrootcert": f"{SECRETS}/postgres-ca.crt",
    }
    return "[database]\n" + "".join(f"{key}={value}\n" for key, value in fields.items())


def _value(key: str) -> str:
    """Returns the template's place for a value of the vault, whose key may have hyphens."""
    return f'{{{{ index . "{key}" }}}}'


def _secret(name: str, key: str, values: Mapping[str, str], type_: str = "Opaque") -> Manifest:
    """Returns a Secret made of the properties of one entry of the vault."""
    template = {"type": type_, "engineVersion": "v2", "data": dict(values)}
    spec = {
        "refreshInterval": REFRESHED,
        "secretStoreRef": _STORE,
        "target": {"name": name, "creationPolicy": "Owner", "template": template},
        "dataFrom": [{"extract": {"key": key}}],
    }
    return manifest(API, "ExternalSecret", name, spec=spec)
