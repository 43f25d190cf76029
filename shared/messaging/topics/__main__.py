"""Makes and checks the topics, permissions and users of a Kafka cluster. See `--help`, and docs/operations.md."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.errors import CodedError
from shared.messaging.topics.layouts import declared_topics
from shared.runtime.secret_files import EnvironmentSettings
from shared.runtime.settings import KafkaSettings, settings_complaint

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

EXIT_DIFFERS, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_SETTINGS = 1, 2, 75, 78
ABOUT = """\
Compares the topics, the permissions (ACLs) and the users of a Kafka cluster with the declarations in
shared/contracts/topics.py, and says each difference in one line. With --apply it makes what is missing and changes
what may be changed. It deletes nothing, shrinks nothing and revokes nothing: what it leaves, it says with the reason.
"""
CREDENTIALS = """\
The connection is set by the environment, as for the services: TOPICS_KAFKA__SECURITY (plaintext, sasl_plaintext, ssl,
sasl_ssl), TOPICS_KAFKA__USERNAME, TOPICS_KAFKA__PASSWORD, TOPICS_KAFKA__CA_FILE, TOPICS_KAFKA__CERTIFICATE_FILE,
TOPICS_KAFKA__KEY_FILE. No secret is ever an argument.

Exit codes: 0 as declared, 1 something differs, 2 usage, 75 the cluster cannot be asked, 78 wrong settings.

Example:
  python -m shared.messaging.topics --bootstrap kafka.example:9093 --profile national --check
"""


class ToolSettings(EnvironmentSettings):
    """The connection of this command: `TOPICS_KAFKA__<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="TOPICS_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )
    kafka: KafkaSettings


@dataclass(frozen=True)
class Options:
    """The arguments of the command."""

    applies: bool
    topics_only: bool
    factor: int
    in_sync: int
    principals: dict[str, str]
    passwords: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    flags = {name: getattr(parsed, name) for name in ("bootstrap", "profile", "prefix") if getattr(parsed, name)}
    try:
        settings = ToolSettings.model_validate({"kafka": flags} if flags else {}).kafka
    except ValidationError as error:
        return _complain(f"settings are missing or wrong: {settings_complaint(error, ToolSettings)}", EXIT_SETTINGS)
    try:
        options = _options(parsed, settings)
    except (OSError, ValueError) as error:
        return _complain(str(error), EXIT_USAGE)
    from confluent_kafka import KafkaException

    from shared.messaging.topics.admin import admin_client

    causes: list[str] = []
    client = admin_client(settings, lambda error: causes.append(error.str()))
    try:
        return _run(client, settings, options)
    except KafkaException as error:
        client.poll(0)  # calls back with the errors of connections
        refusals = [cause for cause in causes if "SSL" in cause or "authentication" in cause.lower()]
        cause = refusals[-1] if refusals else error.args[0].str()
        return _complain(f"the cluster at {settings.bootstrap} cannot be asked: {cause}", EXIT_UNAVAILABLE)
    except CodedError as error:
        return _complain(str(error), EXIT_UNAVAILABLE)


def _run(client: "AdminClient", settings: KafkaSettings, options: Options) -> int:
    from shared.messaging.topics.cluster_topics import ClusterTopics, Replication
    from shared.messaging.topics.permissions import Permissions
    from shared.messaging.topics.users import set_passwords, users_without_password

    layouts = declared_topics(settings.prefix, settings.profile)
    topics = ClusterTopics(client, layouts, Replication(options.factor, options.in_sync))
    lines = [str(difference) for difference in (topics.apply(_say) if options.applies else topics.differences())]
    if options.applies and options.passwords:
        set_passwords(client, options.passwords)
        _say(f"users: passwords set for {', '.join(options.passwords)}")
    if options.passwords:
        lines += [f"user missing: {name}" for name in users_without_password(client, options.passwords)]
    if not options.topics_only:
        permissions = Permissions(client, settings.prefix, options.principals)
        if options.applies:
            _say(f"permissions: {permissions.grant_missing()} granted")
        lines += permissions.differences().lines()
    for line in lines:
        _say(line)
    about = "topics" if options.topics_only else "topics and their permissions"
    _say(f"{len(layouts)} {about}: {f'{len(lines)} differences' if lines else 'as declared'}")
    return EXIT_DIFFERS if lines else 0


def _options(parsed: Any, settings: KafkaSettings) -> Options:
    """Raises ValueError in words, OSError."""
    from shared.messaging.topics.users import read_names

    factor = parsed.replication_factor or (3 if settings.profile == "national" else 1)
    in_sync = parsed.min_insync_replicas or max(1, factor - 1)
    if in_sync > factor:
        raise ValueError("--min-insync-replicas cannot exceed --replication-factor: nothing could be written")
    principals, passwords = (read_names(path) if path else {} for path in (parsed.principals, parsed.passwords))
    return Options(parsed.apply, parsed.topics_only, factor, in_sync, principals, passwords)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.messaging.topics",
        description=ABOUT,
        epilog=CREDENTIALS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bootstrap", help="addresses of brokers, host:port[,...]; else TOPICS_KAFKA__BOOTSTRAP")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--check", action="store_true", help="compare and change nothing (the default)")
    act.add_argument("--apply", action="store_true", help="make what is missing; to run it again is harmless")
    parser.add_argument(
        "--profile",
        choices=("national", "local"),
        help="size of the installation: it decides the partitions, which stay for ever; the services have the same in "
        "<SERVICE>_KAFKA__PROFILE (default: national)",
    )
    parser.add_argument("--prefix", help="put before topics and groups, as <SERVICE>_KAFKA__PREFIX")
    parser.add_argument("--replication-factor", type=_positive, metavar="N", help="default: 3 national, 1 local")
    parser.add_argument(
        "--min-insync-replicas", type=_positive, metavar="N", help="default: one less than the replication factor"
    )
    parser.add_argument("--topics-only", action="store_true", help="leave permissions to another tool")
    parser.add_argument(
        "--principals",
        type=Path,
        metavar="FILE",
        help="lines NAME=PRINCIPAL for services, ops and admin whose name on the broker is another one, such as "
        "identity=CN=identity,O=Example (without `User:`)",
    )
    parser.add_argument(
        "--passwords",
        type=Path,
        metavar="FILE",
        help="lines NAME=PASSWORD: the SCRAM-SHA-512 users that must exist; --apply creates them or sets the password",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _say(line: str) -> None:
    print(line, flush=True)


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
