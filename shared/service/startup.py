"""Why a process cannot start, in one line: the name of the setting that an operator can change, and what is wrong."""

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from shared.db.errors import is_transient
from shared.db.key_uses import KeyDiffersError, KeyMissingError, Rings, compare, connect
from shared.db.migrate import (
    MigrationChangedError,
    NotMigratedError,
    PostgresTooOldError,
    check_migrated,
    migrations_of,
)
from shared.errors import CodedError, TransientError
from shared.messaging.broker_errors import BrokerUnreachableError
from shared.runtime.settings import PostgresSettings, ServiceSettings

EXIT_UNAVAILABLE: Final = 75
"""Another attempt may succeed, without any change of the settings."""
EXIT_SETTINGS: Final = 78
"""A setting, a key or a permission must be changed first."""


class SettingUnusableError(CodedError):
    """A setting names something that cannot be used. `setting`: its name below the service's prefix."""

    code = "setting-unusable"

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(reason)
        self.setting = setting


class PortTakenError(TransientError):
    """Another process listens on this port. `setting`: the name of the port's setting below the service's prefix."""

    code = "port-taken"

    def __init__(self, setting: str, host: str, port: int) -> None:
        super().__init__(f"port {port} of {host} is taken by another process")
        self.setting = setting


class StartComplaint(NamedTuple):
    """The line for an operator, and the exit code of the process."""

    text: str
    exit_code: int


def explain(error: BaseException, settings: ServiceSettings, *, as_owner: bool = False) -> StartComplaint | None:
    """Returns why the process cannot go on, or None for an error that no operator can mend.

    `as_owner`: whether the database was used as its owner. The text of a driver or server is never repeated, because it
    may quote data.
    """
    prefix = prefix_of(settings)
    match error:
        case SettingUnusableError():
            return StartComplaint(f"{prefix}{error.setting}: {error}", EXIT_SETTINGS)
        case PortTakenError():
            return StartComplaint(f"{prefix}{error.setting}: {error}", EXIT_UNAVAILABLE)
        case BrokerUnreachableError():
            return explain_broker(error, prefix)
        case TopicAuthorizationFailedError() | GroupAuthorizationFailedError():
            user = settings.kafka.username or "an anonymous client"
            reason = f"the broker does not let {user} use all topics and groups of this service: grant them"
            return StartComplaint(f"{prefix}KAFKA__USERNAME: {reason}", EXIT_SETTINGS)
        case KafkaError():
            reason = f"the broker does not do what is needed ({type(error).__name__})"
            return StartComplaint(f"{prefix}KAFKA__BOOTSTRAP: {reason}", EXIT_UNAVAILABLE)
        case NotMigratedError():
            return StartComplaint(str(error), EXIT_UNAVAILABLE)
        case MigrationChangedError() | PostgresTooOldError() | KeyMissingError() | KeyDiffersError():
            return StartComplaint(str(error), EXIT_SETTINGS)
    return _explain_database(error, settings.postgres, prefix, as_owner)


def prefix_of(settings: ServiceSettings) -> str:
    """Returns what the names of the service's settings begin with."""
    return str(settings.model_config.get("env_prefix", ""))


def explain_broker(error: BrokerUnreachableError, prefix: str) -> StartComplaint:
    """Returns why no broker can be used."""
    names = ", ".join(prefix + name for name in error.settings)
    return StartComplaint(f"{names}: {error}", EXIT_SETTINGS if error.is_refusal else EXIT_UNAVAILABLE)


def _explain_database(
    error: BaseException, postgres: PostgresSettings, prefix: str, as_owner: bool
) -> StartComplaint | None:
    secret = postgres.owner_dsn if as_owner and postgres.owner_dsn else postgres.dsn
    place = _place_of(secret.get_secret_value())
    reason = _reason(error, place)
    if reason is None:
        return None
    setting = f"{prefix}POSTGRES__{'OWNER_DSN' if as_owner else 'DSN'}"
    return StartComplaint(f"{setting}: {reason[0]}", reason[1])


class _Place(NamedTuple):
    server: str
    role: str
    database: str


def _place_of(dsn: str) -> _Place:
    """Returns the parts of a connection string that may be shown."""
    with suppress(ValueError):
        parts = urlsplit(dsn)
        hosts = parts.netloc.rpartition("@")[2]
        return _Place(
            hosts if "," in hosts else f"{parts.hostname or 'the default host'}:{parts.port or 5432}",
            parts.username or "the default role",
            parts.path.removeprefix("/") or "the default database",
        )
    return _Place("the server", "the role", "the database")


def _reason(error: BaseException, place: _Place) -> tuple[str, int] | None:
    if isinstance(error, OSError):
        return None if error.filename is not None else (_unreachable(error, place.server), EXIT_UNAVAILABLE)
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            text = f"{place.server} refuses {place.role}: wrong password, unknown role, or no entry in pg_hba.conf"
            return text, EXIT_SETTINGS
        case asyncpg.InvalidCatalogNameError():
            return f"{place.server} has no database {place.database}", EXIT_SETTINGS
        case asyncpg.InsufficientPrivilegeError():
            text = f"{place.role} lacks a permission in {place.database}: it must be the role that `migrate` granted to"
            return text, EXIT_SETTINGS
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return f"{place.database} lacks tables of this release: run `migrate` first", EXIT_UNAVAILABLE
        case asyncpg.PostgresError() if is_transient(error):
            return f"{place.server} cannot serve now ({type(error).__name__})", EXIT_UNAVAILABLE
    return None


def _unreachable(error: OSError, server: str) -> str:
    match error:
        case socket.gaierror():
            return f"the name of {server} cannot be resolved"
        case ConnectionRefusedError():
            return f"nothing listens on {server}"
        case TimeoutError():
            return f"{server} does not answer in time"
        case ssl.SSLError():
            return f"TLS with {server} fails: its certificate cannot be verified, or it refuses"
    return f"{server} cannot be reached ({type(error).__name__})"


def migrations_folder(service: str) -> Path:
    """Returns the folder of the service's migrations."""
    return Path(__file__).parents[2] / "services" / service / "migrations"


async def check_database(postgres: PostgresSettings, service: str, rings: Rings) -> None:
    """Checks that the database has this release's schema, and that the rings have the keys of its rows.

    Raises NotMigratedError, KeyMissingError, KeyDiffersError.
    """
    connection = await connect(postgres, f"{service}-start")
    try:
        await check_migrated(connection, service, migrations_of(service, migrations_folder(service)))
        await compare(connection, rings)
    finally:
        await connection.close()


@contextmanager
def setting_errors(setting: str, reason: str) -> Iterator[None]:
    """Raises SettingUnusableError with this reason when a file that the setting names cannot be used."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SettingUnusableError(setting, reason) from error


def check_folder(setting: str, folder: Path) -> None:
    """Raises SettingUnusableError unless files can be written into the folder."""
    if not folder.is_dir():
        raise SettingUnusableError(setting, f"{folder} is no folder")
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingUnusableError(setting, f"{folder} cannot be written to ({error.strerror})") from None


def bind(section: str, host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address but does not listen yet; port 0: any free one.

    `section`: the part of the settings with HOST and PORT. Raises PortTakenError, SettingUnusableError.
    """
    with address_errors(section, host, port):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        return bound


@contextmanager
def address_errors(section: str, host: str, port: int) -> Iterator[None]:
    """Raises PortTakenError or SettingUnusableError when an address cannot be listened on."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"{section}__PORT", host, port) from error
        if error.errno == errno.EACCES:
            raise SettingUnusableError(f"{section}__PORT", f"this user may not listen on port {port}") from error
        raise SettingUnusableError(f"{section}__HOST", f"{host} is no address of this machine") from error
