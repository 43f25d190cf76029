"""How the rules see what the patient side keeps in the personal space: each entry as a document of a fitting type.

So the same requirements hold for all of it: who reads, adds, replaces and deletes, which section hides it, what the
matrix allows to a profession. Sources: categories of Mon espace santé; JDV_J66 (EXPPAT_1 to 3, DOCPAT08).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from shared.access.facts import PATIENT_SIDE

EntryKind = Literal["directives", "wishes", "note", "health-profile", "measure"]

ENTRY_TYPES: Final[Mapping[EntryKind, str]] = MappingProxyType(
    {
        "directives": "EXPPAT_3",
        "wishes": "EXPPAT_1",
        "note": "EXPPAT_2",
        "health-profile": "DOCPAT08",
        "measure": "DOCPAT08",
    }
)
"""Kind of entry -> type of document. Advance directives are hidden by a section of their own, DIR_ANT; measures belong
to the medical profile and are hidden with it, SYNTH_PML."""


def may_keep_entries(actor_kind: str) -> bool:
    """Whether this kind of actor enters, corrects and deletes anything in a personal space at all: the patient side."""
    return actor_kind in PATIENT_SIDE
