"""A hospital whose own software is registered, and a doctor who may read, on a whole installation."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, STRUCTURES, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.e2e.acting import Scene, set_scene
from tests.infra.platform.paths import ROOT
from tests.infra.platform.waiting import UNTIL_DONE

PDF = b"%PDF-1.4\n% invented\n%%EOF\n"


def load_example() -> Any:
    """Returns the module that the guide for integrators offers."""
    spec = importlib.util.spec_from_file_location("dmp_client", ROOT / "docs" / "examples" / "dmp_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load_example()


@dataclass(frozen=True)
class Hospital:
    """`fhir`: the base URL; `key`: the file of the software's private key."""

    scene: Scene
    fhir: str
    identity: str
    client_id: str
    key: Path
    doctor_token: str

    @property
    def record_id(self) -> str:
        """The record of the patient."""
        return self.scene.record_id

    @property
    def structure(self) -> str:
        """The hospital's Struct_IdNat."""
        return STRUCTURES[HOSPITAL].id

    @property
    def token(self) -> str:
        """A new token of the software."""
        return str(example.get_token(self.identity, self.client_id, self.key))

    def bundle(self) -> dict[str, Any]:
        """Returns a new submission about the patient."""
        submission: dict[str, Any] = example.make_bundle(
            PDF, self.scene.person.opening(), self.structure, "Lettre inventée"
        )
        return submission


@pytest.fixture
async def hospital(stack: Stack, dmp: Dmp, tmp_path: Path) -> Hospital:
    """Registers software with a key of its own; a new patient lets the doctor read."""
    installation = endpoints.read(stack.layout)
    administrator = session_of(dmp, installation["credentials"], "administrator")
    key = tmp_path / "hospital.jwk.json"
    body = {
        "name": f"DPI inventé {tmp_path.name}",
        "kind": "software",
        "scopes": ["documents.deposit"],
        "keys": [example.make_key(key)],
        "organisation_id": STRUCTURES[HOSPITAL].id,
    }
    client_id = (await administrator.call("POST", "identity", "/clients", json=body)).json()["client_id"]
    scene = await set_scene(stack, dmp)
    doctor = PROFESSIONALS[DOCTOR].id
    path = f"/records/{scene.record_id}/authorisations/{doctor}"
    await scene.holder.call("PUT", "consent", path, headers={"prefer": UNTIL_DONE})
    urls = {name: installation["services"][name]["api"] for name in ("records", "identity")}
    token = await dmp.professional(doctor).token()
    return Hospital(scene, f"{urls['records']}/fhir", urls["identity"], client_id, key, token)
