"""The value sets of the CI-SIS to which the codes of some elements of a CDA document must belong."""

from functools import cache
from typing import Final, Literal

from shared.terminology.tables import rows

ValueSet = Literal[
    "problem-kind",
    "allergy-kind",
    "directive-kind",
    "problem-status",
    "allergy-status",
    "vaccination-kind",
    "vaccination-route",
]
ROUTE_SYSTEMS: Final = frozenset({"2.16.840.1.113883.5.112", "0.4.0.127.0.16.1.1.2.1"})
"""The systems of a medicine's route: HL7 RouteOfAdministration and EDQM."""


def is_in(value_set: ValueSet, code: str, system_oid: str | None) -> bool:
    """Whether a code belongs to a value set."""
    return (value_set, system_oid, code) in _members()


@cache
def _members() -> frozenset[tuple[str, str | None, str]]:
    return frozenset((row["value_set"], row["system"], row["code"]) for row in rows("cda_value_sets"))
