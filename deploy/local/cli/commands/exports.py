"""`dmp export` and `dmp verify-export`: a copy of a whole record and of its list of accesses, and their checks."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from uuid import UUID

import orjson
import typer

from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    fail,
    patient_session,
    perform,
    show_json,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.waiting import say
from deploy.local.demo.client import Dmp, RefusedError, Session, UnreachableError, problem_in, send
from deploy.local.platform.errors import LocalError
from services.audit.accesses.adapters import AccessFileSeal, verify_access_file
from services.records.exports.adapters.verification import verify_archive
from services.records.exports.domain.manifest import Manifest

COPY_KEYS = "/.well-known/export-keys.json"
LIST_KEYS = "/.well-known/access-list-keys.json"
COPY, ACCESSES = "record.zip", "accesses.jsonl"
POLL_S = 0.5
_LARGEST_JWKS = 64 * 1024
_ZIP = b"PK"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(export)
    app.command("verify-export")(verify_export)


def export(
    record: RecordOption,
    var: VarOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Folder of the two files.")],
    who: AsPatientOption = None,
) -> None:
    """Take a copy of the whole record and the signed list of its accesses, as the holder or a representative.

    Writes DIR/record.zip and DIR/accesses.jsonl, for you alone, and deletes the copy on the server. A copy that was
    begun before is fetched as it is.

    Exit codes: 0 fetched, 1 refused or failed, 2 usage, 3 nothing runs.

    Example: dmp export --record UUID --out copy
    """
    taken = [path for name in (COPY, ACCESSES) if (path := out / name).exists()]
    if taken:
        fail(EXIT_USAGE, f"{taken[0]} is there already")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    goes_on = "the copy goes on being prepared; repeat the command to fetch it"
    perform(
        var, lambda dmp, installation: _export(patient_session(dmp, installation, record, who), record, out), goes_on
    )
    typer.echo(f"{out / COPY}: the record")
    typer.echo(f"{out / ACCESSES}: its accesses; `dmp verify-export` checks both")


async def _export(session: Session, record: UUID, out: Path) -> None:
    path = f"/records/{record}/export"
    try:
        await session.call("POST", "records", path)
    except RefusedError as error:
        if error.code != "export-exists":
            raise
    shown = None
    while (progress := (await session.call("GET", "records", path)).json())["state"] == "preparing":
        if progress["total"] is not None and progress["documents"] != shown:
            shown = progress["documents"]
            say(f"{shown} of {progress['total']} documents")
        await asyncio.sleep(POLL_S)
    if progress["state"] == "failed":
        await session.call("DELETE", "records", path)
        raise LocalError(f"the copy could not be prepared: {progress['failure']}")
    await _fetch(session, "records", f"{path}/file", out / COPY)
    await _fetch(session, "audit", f"/records/{record}/accesses/file", out / ACCESSES)
    await session.call("DELETE", "records", path)


async def _fetch(session: Session, service: str, path: str, target: Path) -> None:
    """Writes what the service gives out to a new file, for its owner alone. Raises RefusedError, UnreachableError."""
    import httpx2

    headers = {"authorization": f"Bearer {await session.token()}"}
    unfinished = target.with_suffix(".part")
    try:
        async with session.http.stream("GET", session.urls[service] + path, headers=headers) as answer:
            if answer.is_error:
                await answer.aread()
                raise RefusedError(service, answer.status_code, *problem_in(answer))
            with _open_private(unfinished) as file:
                async for piece in answer.aiter_bytes():
                    file.write(piece)
        unfinished.replace(target)
    except httpx2.RemoteProtocolError as error:
        raise LocalError(f"{service} ended {target.name} before its end: repeat the command") from error
    except httpx2.HTTPError as error:
        raise UnreachableError(service) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _open_private(path: Path) -> BinaryIO:
    """Opens a new file that its owner alone can read."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def verify_export(
    var: VarOption,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", dir_okay=False, help="Copies, lists of accesses.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="JWKS", dir_okay=False, help="Public keys; default: those of the services."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check copies of records and lists of accesses: signature, every file, nothing missing, not a byte changed.

    One line for each problem.

    Exit codes: 0 genuine, 1 not genuine or not readable, 2 usage, 3 nothing runs (and no --keys).

    Example: dmp verify-export copy/record.zip copy/accesses.jsonl
    """
    kinds = {file: _is_copy(file) for file in files}
    published = _published(var, keys)
    results = [_verify(file, is_copy, published(is_copy)) for file, is_copy in kinds.items()]
    if as_json:
        show_json(results)
    else:
        for result in results:
            typer.echo("\n".join(result["problems"] or [result["genuine"]]))
    if any(result["problems"] for result in results):
        raise typer.Exit(EXIT_REFUSED)


def _verify(file: Path, is_copy: bool, published: Any) -> dict[str, Any]:
    signed: list[Manifest | AccessFileSeal] = []
    try:
        with file.open("rb") as content:
            verify = verify_archive if is_copy else verify_access_file
            problems = [f"{file.name}: {problem}" for problem in verify(content, published, signed.append)]
    except OSError as error:
        raise LocalError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from error
    return {"file": str(file), "problems": problems, "genuine": _words(file, signed[0]) if signed else None}


def _words(file: Path, signed: Manifest | AccessFileSeal) -> str:
    moment = f"{signed.made_at:%Y-%m-%d %H:%M} UTC"
    if isinstance(signed, Manifest):
        number = f"{signed.documents} document{'' if signed.documents == 1 else 's'}"
        return (
            f"{file.name}: genuine: a copy of record {signed.record_id} for its {signed.requester}, {moment}, {number}"
        )
    return f"{file.name}: genuine: the accesses to record {signed.record_id}, {moment}, {signed.entries} entries"


def _is_copy(file: Path) -> bool:
    """Returns whether a file is an archive; others count as lists. Raises LocalError."""
    try:
        with file.open("rb") as content:
            return content.read(len(_ZIP)) == _ZIP
    except OSError as error:
        raise LocalError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from error


def _published(var: Path, keys: Path | None) -> Callable[[bool], Any]:
    """Returns the public keys of copies (True) and of lists (False): from a file, or from the services."""
    if keys is not None:
        stated = _read_jwks(keys)
        return lambda _: stated

    def ask(is_copy: bool) -> Any:
        service, path = ("records", COPY_KEYS) if is_copy else ("audit", LIST_KEYS)

        async def fetch(dmp: Dmp, _: Mapping[str, Any]) -> Any:
            return (await send(dmp.http, dmp.urls, "GET", service, path)).json()

        return perform(var, fetch)

    return ask


def _read_jwks(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return orjson.loads(file.read(_LARGEST_JWKS))
    except OSError as error:
        raise LocalError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except orjson.JSONDecodeError:
        raise LocalError(f"{path} is no JWK Set") from None
