"""Settings of every service. Each service's class sets the prefix: `<SERVICE>_<SECTION>__<FIELD>`, or with `_FILE` at
its end, the file that holds the value.

A connection that leaves this machine is encrypted, or its settings say expressly that it is not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from shared.contracts.declarations import Profile
from shared.loopback import is_loopback
from shared.runtime.secret_files import EnvironmentSettings, set_variable
from shared.runtime.setting_types import (
    Dsn,
    JwksUrl,
    Networks,
    check_pem_files,
    is_local,
)
from shared.runtime.tracing_settings import TracingSettings


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


CONNECTION_AGE: Final = (
    "seconds after which a connection is replaced at the next opportunity, so that renewed certificates count"
)
"""The description of `max_connection_age_s` in every section."""


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
    max_connection_age_s: float = Field(default=3600, gt=0, description=CONNECTION_AGE)


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
        if self.security is None and not is_local(self.bootstrap):
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


class HttpSettings(Section):
    """The address of the API, and what it knows of the proxies before it."""

    host: str = "127.0.0.1"
    port: int = 0
    body_limit: int = Field(default=20 * 1024 * 1024, description="largest accepted body, bytes")
    certificate_file: Path | None = Field(
        default=None, description="PEM file of the API's certificate chain; needed where it listens beyond this machine"
    )
    key_file: Path | None = Field(default=None, description="PEM file of the certificate's private key, unencrypted")
    plaintext: bool = Field(
        default=False, description="whether the API may listen beyond this machine without TLS, which ends before it"
    )
    proxy_authorities_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities of the proxies: one that shows a certificate of theirs says in "
        "`X-Forwarded-For` who the client is; needs CERTIFICATE_FILE",
    )
    trusted_proxies: Networks = Field(
        default="",
        description="networks of proxies without such a certificate, `10.1.2.0/24[,...]`; from any other address "
        "`X-Forwarded-For` is ignored",
    )
    max_connection_age_s: float = Field(default=3600, gt=0, description=CONNECTION_AGE)

    @property
    def is_protected(self) -> bool:
        """Whether no request travels in clear beyond this machine, or the settings say that TLS ends before the API."""
        return self.plaintext or self.certificate_file is not None or is_loopback(self.host)

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        """Raises ValueError if files of TLS do not come together or cannot be used."""
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("CERTIFICATE_FILE and KEY_FILE go together")
        if self.certificate_file is None and self.proxy_authorities_file is not None:
            raise ValueError("PROXY_AUTHORITIES_FILE has no effect without CERTIFICATE_FILE")
        if self.certificate_file is not None and self.plaintext:
            raise ValueError("PLAINTEXT has no effect with CERTIFICATE_FILE")
        check_pem_files(self.proxy_authorities_file, self.certificate_file, self.key_file, ca="PROXY_AUTHORITIES_FILE")
        return self


class MetricsSettings(Section):
    """The address of the API's metrics; for operations only, never reachable by callers."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, description="none: not served")


class WorkerSettings(Section):
    """The address of the worker's health, metrics and routes for operators; for operations only."""

    host: str = "127.0.0.1"
    port: int = 0
    certificate_file: Path | None = Field(
        default=None, description="PEM file of the worker's certificate chain; without it the worker speaks plain HTTP"
    )
    key_file: Path | None = Field(default=None, description="PEM file of the certificate's private key, unencrypted")

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        """Raises ValueError if the certificate and its key do not come together or cannot be used."""
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("CERTIFICATE_FILE and KEY_FILE go together")
        check_pem_files(None, self.certificate_file, self.key_file)
        return self


class TokenSettings(Section):
    """The issuer of accepted access tokens."""

    issuer: str
    jwks_url: JwksUrl = Field(description="https URL of the issuer's public keys; http on this machine alone")
    ca_file: Path | None = Field(
        default=None, description="PEM file of authorities that certify the server of JWKS_URL; without it the system's"
    )
    audience: str = "dmp"

    @model_validator(mode="after")
    def _check_authorities(self) -> Self:
        """Raises ValueError if the authorities cannot be read, or would have no effect."""
        if self.ca_file is not None and not self.jwks_url.startswith("https:"):
            raise ValueError("CA_FILE has no effect with a JWKS_URL that is not https")
        check_pem_files(self.ca_file)
        return self


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
    tracing: TracingSettings = TracingSettings()
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
