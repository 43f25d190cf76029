"""`dmp keys`: counts the rows under each key, and seals rows anew under the active keys."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, fail, read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.platform.paths import Layout
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import RINGS, keyrings_of
from services.audit import keys as audit
from services.audit.settings import KeySettings as AuditKeys
from services.identity import keys as identity
from services.identity.settings import ImportKeySettings
from services.notify import keys as notify
from services.notify.settings import KeysSettings as NotifyKeys
from services.records.kit import keys as records
from services.records.kit.keys import KeySettings as RecordsKeys
from shared.db.key_rewrap import KeyPlan, Rewrapped
from shared.db.key_rewrap import rewrap as rewrap_rows
from shared.db.key_uses import KeyStatus, key_status
from shared.runtime.settings import PostgresSettings

PLANS: Mapping[str, Callable[[Any], KeyPlan]] = {
    "identity": lambda rings: identity.make_keys(ImportKeySettings.model_validate(rings)),
    "records": lambda rings: records.make_keys(RecordsKeys.model_validate(rings)),
    "audit": lambda rings: audit.make_keys(AuditKeys.model_validate(rings)),
    "notify": lambda rings: notify.make_keys(NotifyKeys.model_validate(rings)),
}
_HEADINGS = ("service", "ring", "key", "state", "rows", "where")

keys = typer.Typer(help="Keys of the stored rows: status, rewrap.", no_args_is_help=True)
ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(RINGS))]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.add_typer(keys, name="keys")


@keys.command()
def status(var: VarOption, as_json: JsonOption = False) -> None:
    """Count the rows under each key of each service. An inactive key without rows can be dropped.

    Exit codes: 0 listed, 1 a key is missing that rows need, 3 nothing runs.

    Example: dmp keys status
    """
    statuses = [(service, key) for service in RINGS for key in _status(var, service)]
    _show(statuses, as_json)
    if any(key.state == "missing" for _, key in statuses):
        raise typer.Exit(EXIT_REFUSED)


@keys.command()
def rewrap(service: ServiceArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Seal a service's rows anew under the active keys, page by page, while the service runs.

    First move the new key to the front of its ring and restart the service. If interrupted, run the command again.

    Exit codes: 0 done, 1 some rows could not be opened and stay unchanged, 2 no such service, 3 nothing runs.

    Example: dmp keys rewrap identity
    """
    if service not in PLANS:
        raise typer.BadParameter(f"choose one of {', '.join(PLANS)}")
    postgres, plan = _place(var, service)
    outcomes = run(rewrap_rows(postgres, service, plan, _report))
    _show([(service, key) for key in _status(var, service)], as_json)
    left = sum(column.without_key + column.broken for column in outcomes)
    if left:
        fail(EXIT_REFUSED, f"{left} rows could not be opened and stay unchanged")


def _place(var: Path, service: str) -> tuple[PostgresSettings, KeyPlan]:
    dsn = read_installation(var)["services"][service]["app_dsn"]
    rings = keyrings_of(Secrets.load(Layout(var).secrets), service)
    return PostgresSettings.model_validate({"dsn": dsn}), PLANS[service](rings)


def _status(var: Path, service: str) -> list[KeyStatus]:
    postgres, plan = _place(var, service)
    return list(run(key_status(postgres, service, plan.rings)))


def _report(column: Rewrapped) -> None:
    print(f"{column.column}: {column.done:,} rows sealed anew", file=sys.stderr, flush=True)


def _show(statuses: list[tuple[str, KeyStatus]], as_json: bool) -> None:
    if as_json:
        show_json(
            [
                {"service": service, "ring": key.ring, "kid": key.kid, "state": key.state, "rows": key.rows}
                for service, key in statuses
            ]
        )
        return
    rows = [
        (service, key.ring, key.kid, key.state, sum(key.rows.values()), ", ".join(key.rows) or None)
        for service, key in statuses
    ]
    show_table(_HEADINGS, rows, "no service has sealed rows")
