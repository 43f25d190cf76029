"""`dmp erase` and `dmp verify-receipt`: erasures of records, and their signed receipts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    YesOption,
    confirm,
    perform,
    read_installation,
    session_for,
    show_json,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, send
from deploy.local.demo.credentials import ADMINISTRATOR
from deploy.local.platform.errors import LocalError
from services.identity.erasure.domain import MAX_LENGTH, Receipt, ReceiptInvalidError, verified_receipt

KEYS = "/.well-known/erasure-receipt-keys.json"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(erase)
    app.command("verify-receipt")(verify_receipt)


def erase(
    var: VarOption,
    record: Annotated[UUID, typer.Argument(metavar="RECORD", help="Id of the record.")],
    receipt: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", dir_okay=False, help="Write the signed receipt here.")
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a record for ever, by a decision under the GDPR, and wait until all services have acknowledged it.

    An erasure cannot be undone: the command asks first. Repeating it returns the existing erasure.

    Exit codes: 0 erased everywhere, 1 refused or not confirmed, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp erase 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b --receipt receipt.jws --yes
    """
    read_installation(var)
    confirm(f"this erases the record {record} for ever, with all its documents", yes)
    goes_on = f"an erasure that began goes on; repeat the command for record {record} to see how far it is"
    erasure, signed = perform(var, lambda dmp, installation: _erase(dmp, installation, record), goes_on)
    if receipt is not None and signed is not None:
        receipt.write_text(signed + "\n", "utf-8")
    if as_json:
        show_json(erasure)
    elif signed is None:
        typer.echo(f"erasure {erasure['erasure_id']} is on its way; missing: {', '.join(erasure['missing'])}")
    else:
        typer.echo(f"erasure {erasure['erasure_id']}: all services have answered")
    if signed is None:
        raise typer.Exit(EXIT_NOT_YET)


async def _erase(dmp: Dmp, installation: Mapping[str, Any], record: UUID) -> tuple[dict[str, Any], str | None]:
    administrator = session_for(dmp, installation, ADMINISTRATOR)
    body, prefer = {"reason": "gdpr-decision"}, {"prefer": "wait=10"}
    answer = await administrator.call("POST", "identity", f"/records/{record}/erase", json=body, headers=prefer)
    erasure: dict[str, Any] = answer.json()
    if erasure["missing"]:
        return erasure, None
    return erasure, (await administrator.call("GET", "identity", f"/erasures/{erasure['erasure_id']}/receipt")).text


def verify_receipt(
    var: VarOption,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The receipt.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="JWKS", dir_okay=False, help="Public keys; default: those of identity."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the receipt of an erasure: identity has signed it, and every service has acknowledged the erasure.

    Exit codes: 0 genuine, 1 not genuine or not readable, 2 usage, 3 nothing runs (and no --keys).

    Example: dmp verify-receipt receipt.jws
    """
    published = orjson.loads(_read(keys)) if keys is not None else perform(var, lambda dmp, _: _published(dmp))
    try:
        receipt = verified_receipt(_read(file).decode("ascii", "replace"), published)
    except ReceiptInvalidError as error:
        raise LocalError(f"{file.name}: {error}") from None
    if as_json:
        show_json(receipt.model_dump(mode="json"))
    else:
        _show(receipt)


async def _published(dmp: Dmp) -> Any:
    return (await send(dmp.http, dmp.urls, "GET", "identity", KEYS)).json()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_LENGTH)
    except OSError as error:
        raise LocalError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error


def _show(receipt: Receipt) -> None:
    typer.echo(
        f"genuine: record {receipt.record_id}, {receipt.reason}, decided {receipt.decided_at:%Y-%m-%d %H:%M} UTC"
    )
    for acknowledgement in receipt.acknowledgements:
        destroyed = ", ".join(f"{count} {kind}" for kind, count in acknowledgement.destroyed.items() if count)
        moment = f"{acknowledgement.acknowledged_at:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"  {acknowledgement.service:<9} {moment}  {destroyed or 'nothing'}")
    typer.echo(
        f"destroyed {receipt.destroyed_at:%Y-%m-%d %H:%M} UTC; no backup brings it back from "
        f"{receipt.unrecoverable_from:%Y-%m-%d} on"
    )
