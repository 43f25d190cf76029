"""Security labels of a document: its confidentiality, and the readers from whom it is hidden.

Sources: JDV_J08, TRE_A07-StatutVisibiliteDocument (1.2.250.1.213.1.1.4.13), HL7 v3 Confidentiality
(2.16.840.1.113883.5.25).
"""

from collections.abc import Iterable
from enum import StrEnum

from shared.terminology import oids


class Confidentiality(StrEnum):
    """The confidentiality of a document; R and V should not be shared in the DMP."""

    NORMAL = "N"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"


class Visibility(StrEnum):
    """The readers from whom a document is hidden."""

    MASKED = "MASQUE_PS"
    INVISIBLE_TO_PATIENT = "INVISIBLE_PATIENT"
    INVISIBLE_TO_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


Label = Confidentiality | Visibility
KNOWN_LABELS = frozenset(label.value for label in (*Confidentiality, *Visibility))
"""The codes that this release knows."""

_ALIASES: dict[str, Visibility] = {
    "INVISIBLE_REP_LEGAUX": Visibility.INVISIBLE_TO_REPRESENTATIVES,  # the spelling of the HL7 v2 guide
    "INVISIBLE_MASQUE_PATIENT": Visibility.MASKED,  # "Masqué aux professionnels" in the examples of TD3.3a
}
_LABELS: dict[str, Label] = {**{c.value: c for c in Confidentiality}, **{v.value: v for v in Visibility}, **_ALIASES}

# The published examples write the table's name in two ways and use it for N too. Because the codes are distinct, any of
# these systems is accepted for any of them.
_SYSTEMS = frozenset(
    {
        oids.CONFIDENTIALITY_SYSTEM,
        "http://hl7.org/fhir/v3/Confidentiality",
        f"urn:oid:{oids.CONFIDENTIALITY}",
        oids.TRE_A07_SYSTEM,
        oids.TRE_A07_SYSTEM.replace("Statut", "Status"),
        f"urn:oid:{oids.VISIBILITY}",
        oids.TRE_A10_SYSTEM,  # used in the examples of TD3.3a and b
    }
)


def label(code: str, system: str | None = None) -> Label | None:
    """Returns the label of a code or alias; None if it is unknown, or if the system is not one of those in use."""
    if system is not None and system not in _SYSTEMS:
        return None
    return _LABELS.get(code)


def label_system(label: Label) -> str:
    """Returns the FHIR system with which a label is written."""
    return oids.CONFIDENTIALITY_SYSTEM if isinstance(label, Confidentiality) else oids.TRE_A07_SYSTEM


def normalised(labels: Iterable[Label]) -> tuple[str, ...]:
    """Returns the codes of a document: one of N, R, V (the strictest sent, else N), then the visibility, sorted."""
    codes = frozenset(labels)
    strictest = next((c for c in reversed(Confidentiality) if c in codes), Confidentiality.NORMAL)
    return (strictest.value, *sorted(label.value for label in codes if isinstance(label, Visibility)))
