"""The kinds of actors, and the scopes that each may hold."""

from collections.abc import Mapping
from typing import Final

CREATION, FEEDING, CONSULTATION = "records.open", "documents.deposit", "documents.read"
ASSIST, CAMPAIGNS = "records.assist", "campaigns.run"
"""Assisted opening (by a care home's software or an agent of a fund), and running campaigns."""
PROFILES: Final[Mapping[str, str]] = {"Creation": CREATION, "Feeding": FEEDING, "Consultation": CONSULTATION}
"""The profiles of an organisation's software. Consultation alone reads nothing: it lets the software use the
professional's own right, by exchanging the token of the professional's sign-in."""
RECORD_SCOPES: Final = frozenset(PROFILES.values())
MAX_SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "patient": frozenset(),
    "representative": frozenset(),
    "carer": frozenset(),
    "professional": frozenset(),
    "software": RECORD_SCOPES | {ASSIST},
    "application": frozenset(),
    "administrator": frozenset(
        {
            *(CREATION, ASSIST, CAMPAIGNS, "records.erase"),
            *("directory.write", "clients.write", "matrices.write", "operations"),
        }
    ),
    "operator": frozenset({"operations"}),
    "system": frozenset(),
    "unknown": frozenset(),
    "insurer": frozenset(),
    "mutuelle": frozenset(),
    "bank": frozenset(),
    "employer": frozenset(),
    "occupational-medicine": frozenset(),
}
"""The scopes that each kind may hold. Patients and professionals hold none: their rights follow from who they are."""
