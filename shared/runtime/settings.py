"""Settings of every service. Each service's class sets the prefix: `<SERVICE>_<SECTION>__<FIELD>`, or with `_FILE` at
its end, the file that holds the value.

A connection that leaves this machine is encrypted, or its settings say expressly that it is not.
"""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from shared.contracts.declarations import Profile
from shared.crypto.keyring import Keyring
from shared.errors import CodedError
from shared.loopback import is_loopback
from shared.runtime.secret_files import EnvironmentSettings, set_variable


def _keyring(value: SecretStr) -> SecretStr:
    try:
        Keyring.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


KeyringText = Annotated[SecretStr, AfterValidator(_keyring)]
"""A keyring `kid:base64url[,...]`, the active key first."""


class Section(BaseModel):
    """A part of the settings; frozen. `retired`: former names of fields -> their present names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    retired: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _refuse_retired_names(cls, values: Any) -> Any:
        """Raises ValueError with the present name when a retired one is set."""
        for name in sorted(cls.retired.keys() & values.keys()) if isinstance(values, dict) else ():
            raise ValueError(f"{name.upper()} is called {cls.retired[name].upper()} now: rename the variable")
        return values


_HOST = re.compile(r"(?:\[[^]]*\]|[^:]*)(?::([0-9]*))?", re.ASCII)
"""A host of a connection string, with or without a port."""
_HIGHEST_PORT = 65_535
_NO_DSN = "is no connection string `postgresql://role:password@host:port/database`"


def _dsn(value: SecretStr) -> SecretStr:
    """Raises ValueError if this is no connection string, or the TLS of a server beyond this machine is not settled.

    Several hosts are separated by commas, as libpq and asyncpg take them.
    """
    parts = urlsplit(value.get_secret_value())
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    stated = parts.netloc.rpartition("@")[2]
    hosts = stated or options.get("host", "")
    if parts.scheme not in ("postgresql", "postgres") or not all(_is_host(host) for host in stated.split(",")):
        raise ValueError(_NO_DSN)
    if not _is_local(hosts) and options.get("sslmode") not in ("require", "verify-ca", "verify-full", "disable"):
        raise ValueError(
            "a server beyond this machine needs `sslmode`: verify-full with `sslrootcert`, "
            "or disable to send everything unencrypted"
        )
    for name in ("sslrootcert", "sslcert", "sslkey"):
        if name in options and not Path(options[name]).is_file():
            raise ValueError(f"the file that `{name}` names is not there")
    return value


def _is_host(text: str) -> bool:
    """Returns whether this is a host, with a port that exists or none."""
    host = _HOST.fullmatch(text)
    return host is not None and (not host[1] or 0 < int(host[1]) <= _HIGHEST_PORT)


def _is_local(hosts: str) -> bool:
    """Returns whether every host of a comma-separated list is this machine: loopback, a socket's folder, or none."""
    return all(not host or host.startswith("/") or is_loopback(host) for host in hosts.split(","))


Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
"""A PostgreSQL connection string."""


class PostgresSettings(Section):
    """The service's own database: `dsn` for the app role, `owner_dsn` for migrations only."""

    dsn: Dsn = Field(
        description="connection string of the app role; beyond this machine with `sslmode=verify-full&sslrootcert=FILE`"
    )
    owner_dsn: Dsn | None = Field(default=None, description="connection string of the owner, for migrations only")
    app_role: str | None = Field(
        default=None,
        description="role that migrations grant to; needed for migrations without DSN, which else names it",
    )
    pool_size: int = Field(default=6, ge=2, description="connections a process keeps at most")
    statement_timeout_s: float = Field(default=10, gt=0)


KafkaSecurity = Literal["plaintext", "sasl_plaintext", "ssl", "sasl_ssl"]


class KafkaSettings(Section):
    """The broker, and this service's identity there."""

    retired: ClassVar[Mapping[str, str]] = {
        "slot": "instance_id",
        "batch": "max_poll_records",
        "gather_ms": "linger_ms",
    }
    bootstrap: str = Field(description="addresses of brokers, `host:port[,...]`")
    security: KafkaSecurity | None = Field(
        default=None,
        description="plaintext, sasl_plaintext, ssl or sasl_ssl (SCRAM-SHA-512); needed for a broker beyond this "
        "machine, else sasl_plaintext with a username and plaintext without",
    )
    username: str | None = Field(default=None, description="SASL user; the permissions on the broker are for this name")
    password: SecretStr | None = Field(default=None, description="password of the SASL user")
    ca_file: Path | None = Field(
        default=None, description="PEM file of authorities that certify the brokers; without it the system's"
    )
    certificate_file: Path | None = Field(default=None, description="PEM file of this client's certificate chain")
    key_file: Path | None = Field(default=None, description="PEM file of the certificate's private key, unencrypted")
    profile: Profile = Field(
        default="national",
        description="the declared partitions that the topics have: national, or local for one machine",
    )
    prefix: str = Field(default="", description="put before topics and groups; several installations on one broker")
    instance_id: str | None = Field(
        default=None, description="group.instance.id of this worker: static group membership"
    )
    max_poll_records: int = Field(default=500, ge=1, description="records a consumer takes at most at once")
    linger_ms: int = Field(default=100, ge=1, description="shortest time between two batches of a consumer")

    @property
    def protocol(self) -> KafkaSecurity:
        """The security protocol: the one that is set, else the unencrypted one that fits."""
        return self.security or ("plaintext" if self.username is None else "sasl_plaintext")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in ("ssl", "sasl_ssl")

    @property
    def uses_sasl(self) -> bool:
        """Whether the client authenticates by name and password."""
        return self.protocol in ("sasl_plaintext", "sasl_ssl")

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        """Raises ValueError if the connection cannot be made as the settings say, or its security is left open."""
        if self.security is None and not _is_local(self.bootstrap):
            raise ValueError(
                "SECURITY is needed for a broker beyond this machine: sasl_ssl or ssl, "
                "or sasl_plaintext or plaintext to send everything unencrypted"
            )
        if {self.username is not None, self.password is not None} != {self.uses_sasl}:
            verb = "are needed" if self.uses_sasl else "have no effect"
            raise ValueError(f"USERNAME and PASSWORD {verb} with SECURITY {self.protocol}")
        files = (self.ca_file, self.certificate_file, self.key_file)
        if not self.uses_tls and any(files):
            raise ValueError(f"CA_FILE, CERTIFICATE_FILE and KEY_FILE have no effect with SECURITY {self.protocol}")
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("CERTIFICATE_FILE and KEY_FILE go together")
        check_pem_files(self.ca_file, self.certificate_file, self.key_file)
        return self


def check_pem_files(ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None) -> None:
    """Raises ValueError in words if a file has no certificates, or if a key does not belong to its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError):
        raise ValueError("CA_FILE cannot be read, or holds no certificate in PEM") from None
    try:
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file, password="")
    except (OSError, ssl.SSLError):
        raise ValueError(
            "CERTIFICATE_FILE and KEY_FILE cannot be read, are not in PEM, are encrypted or do not belong together"
        ) from None


class HttpSettings(Section):
    """The address of the API."""

    host: str = "127.0.0.1"
    port: int = 0
    body_limit: int = Field(default=20 * 1024 * 1024, description="largest accepted body, bytes")


class MetricsSettings(Section):
    """The address of the API's metrics; for operations only, never reachable by callers."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, description="none: not served")


class WorkerSettings(Section):
    """The address of the worker's health, metrics and dead letters; for operations only."""

    host: str = "127.0.0.1"
    port: int = 0


class TokenSettings(Section):
    """The issuer of accepted access tokens."""

    issuer: str
    jwks_url: str
    audience: str = "dmp"


class FreshnessSettings(Section):
    """The greatest age of a copy of a neighbour's state."""

    limit_s: float = 120
    heartbeat_s: float = 5


class ParameterSettings(Section):
    """National parameters of the record, equal in every service."""

    occupational_medicine: Literal["never", "allowed"] = Field(
        default="never",
        description="occupational medicine (L1111-17 IV): has no access, or with the person's express authorisation",
    )
    masked_and_invisible: bool = Field(
        default=False,
        description="whether an author may label a document MASQUE_PS and INVISIBLE_PATIENT at once "
        "(`cumul-invisible_patient-masque_ps`)",
    )


class ServiceSettings(EnvironmentSettings):
    """Settings that all services share."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", frozen=True, extra="ignore")
    postgres: PostgresSettings
    kafka: KafkaSettings
    http: HttpSettings = HttpSettings()
    metrics: MetricsSettings = MetricsSettings()
    worker: WorkerSettings = WorkerSettings()
    tokens: TokenSettings
    freshness: FreshnessSettings = FreshnessSettings()
    log_level: Literal["INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="lowest level of the lines that are written"
    )


def settings_complaint(error: ValidationError, settings_class: type[EnvironmentSettings]) -> str:
    """Returns in one line which environment variables are missing or wrong, and why, without their values."""
    prefix = str(settings_class.model_config.get("env_prefix", ""))
    complaints = []
    for item in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in item["loc"])
        section = settings_class.model_fields[path[0]].annotation if len(path) == 1 and path[0] else None
        if item["type"] == "missing" and isinstance(section, type) and issubclass(section, BaseModel):
            required = [name for name, field in section.model_fields.items() if field.is_required()]
            complaints += [f"{_variable(prefix, (*path, name))} is missing" for name in required]
        elif item["type"] == "missing":
            complaints.append(f"{_variable(prefix, path)} is missing")
        else:
            text = item["msg"].removeprefix("Value error, ")
            separator = "__" if section is not None and _FIELD.match(text) else ": "
            complaints.append(f"{_variable(prefix, path)}{separator}{text}" if path else text)
    return "; ".join(complaints)


_FIELD = re.compile(r"[A-Z_]{2,}\b", re.ASCII)
"""The beginning of a complaint about a section that names one of its fields."""


def _variable(prefix: str, path: tuple[str, ...]) -> str:
    return set_variable((prefix + "__".join(path)).upper())
