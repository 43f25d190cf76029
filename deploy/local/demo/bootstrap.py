"""Registers the first clients and people of a local installation; a second call changes nothing.

The first client, an administrator, is registered in identity's database directly; everything else goes through the
APIs. Private keys lie in `secrets/clients/`; `endpoints.json` names their paths.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from joserfc.jwk import ECKey

from deploy.local.demo.client import RefusedError, Session, connect, load_key
from deploy.local.demo.credentials import (
    ADMINISTRATOR,
    HOSPITAL,
    LABORATORY,
    OPERATOR,
    PRACTICE,
    PROFESSIONALS,
    STRUCTURES,
    Structure,
    session_of,
)
from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout, private_folder, write_private
from services.identity.clients.domain.clients import new_client
from services.identity.clients.usecases.register_client import register_client
from shared.errors import CodedError

ADMINISTRATOR_SCOPES = (
    *("records.open", "records.assist", "records.erase", "campaigns.run"),
    *("directory.write", "clients.write", "matrices.write", "operations"),
)


async def bootstrap(layout: Layout) -> dict[str, Any]:
    """Registers the clients and people that the installation in this folder lacks. Returns all credentials by name.

    Raises LocalError.
    """
    installation = endpoints.read(layout)
    administrator = await _register_administrator(layout, installation)
    credentials: dict[str, Any] = {ADMINISTRATOR: administrator}
    async with connect(installation) as dmp:
        session = session_of(dmp, credentials, ADMINISTRATOR)
        for name, structure in STRUCTURES.items():
            body = {"name": structure.name, "status": "active"}
            await session.call("PUT", "identity", f"/structures/{structure.id}", json=body)
            credentials[name] = await _register(layout, session, name, "software", ["documents.deposit"], structure)
        deposits, hospital = ["documents.deposit"], STRUCTURES[HOSPITAL]
        credentials[LABORATORY] = await _register(layout, session, LABORATORY, "software", deposits, hospital)
        credentials[OPERATOR] = await _register(layout, session, OPERATOR, "operator", ["operations"], None)
        practice = {"name": PRACTICE.name, "status": "active"}
        await session.call("PUT", "identity", f"/structures/{PRACTICE.id}", json=practice)
        for name, professional in PROFESSIONALS.items():
            entry: dict[str, Any] = {"name": professional.name, "profession": professional.profession}
            if professional.structure_id is not None:
                entry["structure_ids"] = [professional.structure_id]
            await session.call("PUT", "identity", f"/professionals/{professional.id}", json=entry)
            credentials[name] = {
                "kind": "professional",
                "professional_id": professional.id,
                "name": professional.name,
            }
    credentials = {**installation.get("credentials", {}), **credentials}
    if credentials != installation.get("credentials"):
        endpoints.update(layout, credentials=credentials)
    _write_context(layout, installation, credentials[OPERATOR])
    return credentials


def _write_context(layout: Layout, installation: Mapping[str, Any], operator: Mapping[str, str]) -> None:
    """Writes the operator's context file, for `dmp ... --context`; on one machine it names the workers directly."""
    lines = [f'client_id = "{operator["client_id"]}"', f'key_file = "{operator["key"]}"']
    for name, service in installation["services"].items():
        lines += ["", f"[services.{name}]", f'api = "{service["api"]}"', f'worker = "{service["worker"]}"']
    write_private(layout.context, "\n".join(lines) + "\n")


async def _register_administrator(layout: Layout, installation: Mapping[str, Any]) -> dict[str, Any]:
    key, path = _key(layout, ADMINISTRATOR)
    try:
        connection = await asyncpg.connect(installation["services"]["identity"]["app_dsn"], timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LocalError("identity's database does not answer: look with `dmp status`") from error
    try:
        public_keys = [key.as_dict(private=False)]
        client = new_client(f"local {ADMINISTRATOR}", "administrator", ADMINISTRATOR_SCOPES, public_keys)
        registered = await register_client(connection, client, replace=True)
    except CodedError as error:
        raise LocalError(f"identity does not register the administrator ({error.code}): {error}") from error
    finally:
        await connection.close()
    return {"kind": "administrator", "client_id": registered.client_id, "key": str(path)}


async def _register(
    layout: Layout, session: Session, name: str, kind: str, scopes: list[str], structure: Structure | None
) -> dict[str, Any]:
    key, path = _key(layout, name)
    body: dict[str, Any] = {
        "name": f"local {name}",
        "kind": kind,
        "scopes": scopes,
        "keys": [key.as_dict(private=False)],
        "organisation_id": structure.id if structure else None,
    }
    try:
        answer = await session.call("POST", "identity", "/clients", json=body)
    except RefusedError as error:
        if error.code != "client-name-taken":
            raise
        raise LocalError(f"{path} is not the key that {name} was registered with: restore that key") from error
    client = {"kind": kind, "client_id": answer.json()["client_id"], "key": str(path)}
    return client | ({"organisation_id": structure.id, "name": structure.name} if structure else {})


def _key(layout: Layout, name: str) -> tuple[ECKey, Path]:
    """Returns a client's key and its path; the first call makes the key."""
    folder = layout.secrets / "clients"
    private_folder(folder, 0o700)
    path = folder / f"{name}.jwk.json"
    with contextlib.suppress(FileExistsError):
        if not path.exists():
            key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
            key.ensure_kid()
            write_private(path, orjson.dumps(key.as_dict(private=True), option=orjson.OPT_INDENT_2).decode() + "\n")
    return load_key(path), path
