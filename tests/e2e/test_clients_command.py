"""Operators list and change registered software with the commands of `dmp`."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from deploy.local.demo.client import Dmp, RefusedError
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.infra.identity.identity_api import new_key, public
from tests.infra.records.hospital import launch

pytestmark = pytest.mark.long


async def clients(stack: Stack, *arguments: str) -> Any:
    """Runs `dmp clients` and returns the only client that it shows, or its exit code if it is not 0."""
    words = ("clients", *arguments, "--json", "--var", str(stack.layout.folder))
    process = await launch("deploy.local", *words, stdout=PIPE, stderr=PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or json.loads(output)


async def test_a_hospital_changes_its_key_and_is_deactivated_and_reactivated(
    stack: Stack, dmp: Dmp, tmp_path: Path
) -> None:
    old, new = new_key(), new_key()
    administrator = session_of(dmp, endpoints.read(stack.layout)["credentials"], "administrator")
    body = {
        "name": f"Logiciel {old.kid}",
        "kind": "software",
        "scopes": ["documents.deposit"],
        "keys": [public(old)],
        "organisation_id": STRUCTURES[HOSPITAL].id,
    }
    id = (await administrator.call("POST", "identity", "/clients", json=body)).json()["client_id"]
    listed = await clients(stack, "list", "--structure", STRUCTURES[HOSPITAL].id, "--status", "active")
    assert id in [client["client_id"] for client in listed]
    file = tmp_path / "new.jwk.json"
    file.write_text(json.dumps(old.as_dict(private=True)))
    assert await clients(stack, "add-key", id, str(file)) == 2
    file.write_text(json.dumps({"keys": [public(new)]}))
    [added] = await clients(stack, "add-key", id, str(file))
    assert len(added["keys"]) == 2
    await dmp.software(id, new).token()
    [left] = await clients(stack, "remove-key", id, str(old.kid))
    assert [key["kid"] for key in left["keys"]] == [new.kid]
    assert await clients(stack, "remove-key", id, str(new.kid)) == 1
    [changed] = await clients(
        stack, "change", id, "--scopes", "documents.deposit, documents.read", "--psc-client-id", "x"
    )
    assert (changed["scopes"], changed["psc_client_id"]) == (["documents.deposit", "documents.read"], "x")
    [changed] = await clients(stack, "change", id, "--psc-client-id", "")
    assert changed["psc_client_id"] is None
    await clients(stack, "deactivate", id)
    with pytest.raises(RefusedError) as refused:
        await dmp.software(id, new).token()
    assert refused.value.code == "client-disabled"
    await clients(stack, "reactivate", id)
    await dmp.software(id, new).token()
    [shown] = await clients(stack, "show", id)
    assert (shown["status"], shown["name"]) == ("active", body["name"])
