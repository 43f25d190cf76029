"""Settings of every service. Each service's class sets the prefix: `<SERVICE>_<SECTION>__<FIELD>`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.crypto.keyring import Keyring
from shared.errors import CodedError


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


class PostgresSettings(Section):
    """The service's own database: `dsn` for the app role, `owner_dsn` for migrations only."""

    dsn: SecretStr
    owner_dsn: SecretStr | None = None
    pool_size: int = Field(default=6, ge=2, description="connections a process keeps at most")
    statement_timeout_s: float = Field(default=10, gt=0)


class KafkaSettings(Section):
    """The broker, and this service's identity there."""

    retired: ClassVar[Mapping[str, str]] = {
        "slot": "instance_id",
        "batch": "max_poll_records",
        "gather_ms": "linger_ms",
    }
    bootstrap: str
    username: str | None = None
    password: SecretStr | None = None
    prefix: str = Field(default="", description="put before topics and groups; several installations on one broker")
    instance_id: str | None = Field(
        default=None, description="group.instance.id of this worker: static group membership"
    )
    max_poll_records: int = Field(default=500, ge=1, description="records a consumer takes at most at once")
    linger_ms: int = Field(default=100, ge=1, description="shortest time between two batches of a consumer")


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


class ServiceSettings(BaseSettings):
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


def settings_complaint(error: ValidationError, settings_class: type[BaseSettings]) -> str:
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
            complaints.append(f"{_variable(prefix, path)}: {text}" if path else text)
    return "; ".join(complaints)


def _variable(prefix: str, path: tuple[str, ...]) -> str:
    return (prefix + "__".join(path)).upper()
