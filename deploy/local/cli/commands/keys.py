"""`dmp keys`: makes keys, counts the rows under each key, and seals rows anew under the active keys."""

from typing import Annotated, Any, Literal

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, fail, show_json, show_table
from deploy.local.cli.commands.service_command import run_service, show_service
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.platform.services import RINGS

_HEADINGS = ("service", "ring", "key", "state", "rows", "where")

keys = typer.Typer(help="Keys of the stored rows: new, status, rewrap.", no_args_is_help=True)
ServiceArgument = Annotated[str, typer.Argument(metavar="SERVICE", help=", ".join(RINGS))]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.add_typer(keys, name="keys")


@keys.command()
def new(
    service: ServiceArgument,
    kind: Annotated[
        Literal["ring", "signing", "receipts", "signatures", "certificates"],
        typer.Argument(
            help="An entry of a keyring, or what a service signs with: tokens, receipts, exports, certificates."
        ),
    ] = "ring",
    kid: Annotated[str | None, typer.Option(metavar="KID", help="Its id; without it today's date.")] = None,
) -> None:
    """Print a new random key. Add it at the end of its ring everywhere, then move it to the front.

    Exit codes: 0 printed, 2 no such service.

    Example: dmp keys new notify
    """
    _check(service)
    raise typer.Exit(show_service(service, "keys", "new", kind, *(() if kid is None else ("--kid", kid))))


@keys.command()
def status(
    var: VarOption,
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Of this service alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count the rows under each key of each service. An inactive key without rows can be dropped.

    Exit codes: 0 listed, 1 a key is missing that rows need, 2 no such service, 3 nothing runs.

    Example: dmp keys status notify
    """
    if service is not None:
        _check(service)
    shown = RINGS if service is None else (service,)
    statuses = {name: run_service(var, name, "keys", "status")[0] for name in shown}
    _show(statuses, as_json)
    if any(key["state"] == "missing" for keys in statuses.values() for key in keys):
        raise typer.Exit(EXIT_REFUSED)


@keys.command()
def rewrap(service: ServiceArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Seal a service's rows anew under the active keys, page by page, while the service runs.

    First move the new key to the front of its ring and restart the service. If interrupted, run the command again.

    Exit codes: 0 done, 1 some rows could not be opened and stay unchanged, 2 no such service, 3 nothing runs.

    Example: dmp keys rewrap identity
    """
    _check(service)
    statuses, exit_code = run_service(var, service, "keys", "rewrap")
    _show({service: statuses}, as_json)
    if exit_code:
        fail(EXIT_REFUSED, "some rows could not be opened and stay unchanged")


def _check(service: str) -> None:
    if service not in RINGS:
        raise typer.BadParameter(f"choose one of {', '.join(RINGS)}")


def _show(statuses: dict[str, list[dict[str, Any]]], as_json: bool) -> None:
    keys = [{"service": service, **key} for service, of_service in statuses.items() for key in of_service]
    if as_json:
        show_json(keys)
        return
    rows = [
        (
            *(key[name] for name in ("service", "ring", "kid", "state")),
            sum(key["rows"].values()),
            ", ".join(key["rows"]) or None,
        )
        for key in keys
    ]
    show_table(_HEADINGS, rows, "no service has sealed rows")
