"""The invented structures and professionals of a local installation, the names of its callers, and their sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.demo.client import Dmp, Session, load_key
from deploy.local.platform.errors import LocalError

ADMINISTRATOR, HOSPITAL, SECOND_HOSPITAL, OPERATOR = "administrator", "hospital", "second-hospital", "operator"
LABORATORY = "laboratory"
"""The software of the first hospital's laboratory: it sends HL7 v2 messages."""
DOCTOR, SECOND_DOCTOR, PHARMACIST = "doctor", "second-doctor", "pharmacist"
ATTENDING_DOCTOR = "attending-doctor"
"""A general practitioner, who acts for a practice: who deposits acts for a structure."""


@dataclass(frozen=True)
class Structure:
    """An invented hospital or practice; department 99 has no FINESS number."""

    id: str
    name: str


@dataclass(frozen=True)
class Professional:
    """An invented professional; no real RPPS number begins with 8999. `structure_id`: for which one they act."""

    id: str
    name: str
    profession: str
    structure_id: str | None = None


STRUCTURES = {
    HOSPITAL: Structure("1990000105", "Hôpital des Trois Rivières"),
    SECOND_HOSPITAL: Structure("1990000204", "Clinique du Val Perdu"),
}
PRACTICE = Structure("1990000303", "Cabinet des Tilleuls")
PROFESSIONALS = {
    DOCTOR: Professional("899900000101", "Dr Camille Marbeuf", "G15_10"),
    SECOND_DOCTOR: Professional("899900000202", "Dr Noé Vautrelle", "G15_10"),
    PHARMACIST: Professional("899900000303", "Ysaline Corbeval", "G15_21"),
    ATTENDING_DOCTOR: Professional("899900000404", "Dr Ombeline Tressard", "G15_10", PRACTICE.id),
}


def session_of(dmp: Dmp, credentials: Mapping[str, Any], name: str) -> Session:
    """Returns a session of a bootstrapped client or professional. Raises LocalError if the name is unknown."""
    credential = credentials.get(name)
    if credential is None:
        raise LocalError(f"the name {name} is unknown ({_names(credentials)}): register it with `dmp bootstrap`")
    if credential["kind"] == "professional":
        return dmp.professional(credential["professional_id"])
    return dmp.software(credential["client_id"], load_key(Path(credential["key"])))


def _names(credentials: Mapping[str, Any]) -> str:
    return "known: " + ", ".join(sorted(credentials)) if credentials else "none is known yet"
