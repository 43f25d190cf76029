"""`dmp clients`: lists registered software and changes it: data, keys, status."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import EXIT_USAGE, fail, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption

PAGE = 200
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="Id of the client, from `dmp clients list`.")]
ADMINISTRATOR = "administrator"
"""Its name in the credentials of `dmp bootstrap`."""


class ClientStatus(StrEnum):
    """The status of registered software."""

    ACTIVE = "active"
    DISABLED = "disabled"


_HEADINGS = ("client", "name", "kind", "status", "structure", "scopes", "keys")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    clients = typer.Typer(help="List registered software; change it, its keys and its status.", no_args_is_help=True)
    for name, command in (
        ("list", list_),
        ("show", show),
        ("change", change),
        ("add-key", add_key),
        ("remove-key", remove_key),
        ("messaging", messaging),
        ("deactivate", deactivate),
        ("reactivate", reactivate),
    ):
        clients.command(name)(command)
    app.add_typer(clients, name="clients")


def list_(
    var: VarOption,
    structure: Annotated[str | None, typer.Option(metavar="ID", help="Only software of this structure.")] = None,
    status: Annotated[ClientStatus | None, typer.Option(help="Only software with this status.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List registered software in the order of its registration.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp clients list --structure 1750000001 --status active
    """
    chosen = {"organisation_id": structure, "status": status, "limit": str(PAGE)}
    parameters = {name: value for name, value in chosen.items() if value is not None}
    _show(
        perform(var, lambda dmp, installation: _list(session_for(dmp, installation, ADMINISTRATOR), parameters)),
        as_json,
    )


def show(var: VarOption, client: ClientArgument, as_json: JsonOption = False) -> None:
    """Show a client with the kids of its keys.

    Exit codes: 0 shown, 1 unknown or refused, 3 nothing runs.

    Example: dmp clients show 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b --json
    """
    _call(var, as_json, "GET", f"/clients/{client}")


def change(
    var: VarOption,
    client: ClientArgument,
    name: Annotated[str | None, typer.Option(help="New name.")] = None,
    scopes: Annotated[str | None, typer.Option(help="All scopes from now on, separated by commas.")] = None,
    certificate_subject: Annotated[
        str | None, typer.Option(help="Subject of its certificate, RFC 4514; empty: none.")
    ] = None,
    psc_client_id: Annotated[
        str | None, typer.Option(help="Its own client id at Pro Santé Connect; empty: none.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change a client's name, scopes or bindings; the next token has the new scopes.

    Exit codes: 0 changed, 1 refused, 3 nothing runs.

    Example: dmp clients change CLIENT --scopes documents.deposit,documents.read
    """
    body: dict[str, object] = {}
    if name is not None:
        body["name"] = name
    if scopes is not None:
        body["scopes"] = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    for member, value in (("certificate_subject", certificate_subject), ("psc_client_id", psc_client_id)):
        if value is not None:
            body[member] = value or None
    _call(var, as_json, "PATCH", f"/clients/{client}", body)


def add_key(
    var: VarOption,
    client: ClientArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A public JWK, or a JWKS.")],
    as_json: JsonOption = False,
) -> None:
    """Add a public key; the earlier ones are taken too, until `dmp clients remove-key`.

    Exit codes: 0 added, 1 refused, 2 the file is not a public JWK, 3 nothing runs.

    Example: dmp clients add-key CLIENT new.jwk.json
    """
    _call(var, as_json, "POST", f"/clients/{client}/keys", {"keys": _public_keys(file)})


def remove_key(
    var: VarOption,
    client: ClientArgument,
    kid: Annotated[str, typer.Argument(metavar="KID", help="kid of the key, from `dmp clients show`.")],
    as_json: JsonOption = False,
) -> None:
    """Remove a key: what it signs is not taken any more.

    Exit codes: 0 removed, 1 refused (the only key stays), 3 nothing runs.

    Example: dmp clients remove-key CLIENT KID
    """
    from urllib.parse import quote

    _call(var, as_json, "DELETE", f"/clients/{client}/keys/{quote(kid, safe='')}")


def messaging(  # noqa: PLR0913  # what an administrator sets
    var: VarOption,
    client: ClientArgument,
    certificate: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A client certificate in PEM; repeat it for several.")
    ] = None,
    application: Annotated[
        list[str] | None, typer.Option(metavar="MSH-3|MSH-4", help="A sending application; repeat it for several.")
    ] = None,
    bulk: Annotated[bool, typer.Option("--bulk", help="Put it into the lane of bulk senders.")] = False,
    listener: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where it listens for acknowledgements itself.")
    ] = None,
    plaintext: Annotated[bool, typer.Option("--plaintext", help="Its listener has no TLS.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Set how software sends HL7 v2 messages over MLLP; it replaces what was set before. Without options: show it.

    Exit codes: 0 set or shown, 1 refused, 2 a file or an address is not readable, 3 nothing runs.

    Example: dmp clients messaging CLIENT --certificate sil.pem --application "SIL-Y|labo" --listener sil.example:2575
    """
    path = f"/clients/{client}/messaging"
    if not (certificate or application or listener or bulk):
        show_json(_answer_of(var, "GET", path))
        return
    body = {
        "certificates": [_text_of(file) for file in certificate or ()],
        "applications": list(application or ()),
        "client_class": "bulk" if bulk else "interactive",
        "listener": None if listener is None else _address(listener, tls=not plaintext),
    }
    answer = _answer_of(var, "PUT", path, body)
    if as_json:
        show_json(answer)
    else:
        print(f"{client}: {', '.join(answer['applications'])}; {len(answer['certificates'])} certificates")


def deactivate(var: VarOption, client: ClientArgument, as_json: JsonOption = False) -> None:
    """Refuse a client every new token at once; earlier tokens end within five minutes.

    Exit codes: 0 deactivated, 1 refused, 3 nothing runs.

    Example: dmp clients deactivate CLIENT
    """
    _call(var, as_json, "POST", f"/clients/{client}/deactivate")


def reactivate(var: VarOption, client: ClientArgument, as_json: JsonOption = False) -> None:
    """Grant a deactivated client tokens again.

    Exit codes: 0 reactivated, 1 refused, 3 nothing runs.

    Example: dmp clients reactivate CLIENT
    """
    _call(var, as_json, "POST", f"/clients/{client}/reactivate")


async def _list(administrator: Any, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    clients: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = (await administrator.call("GET", "identity", "/clients", params={**parameters, "after": after})).json()
        clients += page["clients"]
        after = page["next"]
    return clients


def _text_of(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except (OSError, ValueError):
        fail(EXIT_USAGE, f"{file} is not a certificate in PEM")


def _address(text: str, *, tls: bool) -> dict[str, object]:
    host, separator, port = text.rpartition(":")
    if not (host and separator and port.isascii() and port.isdigit()):
        fail(EXIT_USAGE, f"{text} is not HOST:PORT")
    return {"host": host, "port": int(port), "tls": tls}


def _answer_of(var: Path, method: str, path: str, body: object = None) -> dict[str, Any]:
    async def work(dmp: Any, installation: Mapping[str, Any]) -> dict[str, Any]:
        answer = await session_for(dmp, installation, ADMINISTRATOR).call(method, "identity", path, json=body)
        content: dict[str, Any] = answer.json()
        return content

    return perform(var, work)


def _call(var: Path, as_json: bool, method: str, path: str, body: object = None) -> None:
    _show([_answer_of(var, method, path, body)], as_json)


def _public_keys(file: Path) -> list[Any]:
    """Returns the JWKs of the file. Exits with 2 if it holds none, or a private one."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        fail(EXIT_USAGE, f"{file} is not a public JWK or JWKS in JSON")
    keys = content.get("keys", [content]) if isinstance(content, dict) else []
    if not keys or not all(isinstance(key, dict) and "d" not in key for key in keys):
        fail(EXIT_USAGE, f"{file} is not a public JWK or JWKS in JSON")
    return list(keys)


def _show(clients: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(clients)
        return
    rows = [
        (
            client["client_id"],
            client["name"],
            client["kind"],
            client["status"],
            client["organisation_id"],
            " ".join(client["scopes"]),
            " ".join(key["kid"] for key in client["keys"]),
        )
        for client in clients
    ]
    show_table(_HEADINGS, rows, "no client is registered like that")
