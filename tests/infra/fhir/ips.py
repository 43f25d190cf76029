"""The elements that an International Patient Summary must have, as a table with their sources.

Source: HL7 International Patient Summary 2.0 (CC0), its profiles; FHIR R4, for what its resources require themselves.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_TABLE: Final = Path(__file__).with_name("ips_elements.csv")
REQUIRED_SECTIONS: Final = frozenset({"10160-0", "48765-2", "11450-4"})
"""LOINC codes of the sections that Composition-uv-ips requires: medications, allergies, problems."""
SECTION_TYPES: Final = {
    "10160-0": "MedicationStatement",
    "48765-2": "AllergyIntolerance",
    "11450-4": "Condition",
    "11348-0": "Condition",
    "47519-4": "Procedure",
    "46264-8": "DeviceUseStatement",
    "11369-6": "Immunization",
    "30954-2": "Observation",
    "10162-6": "Observation",
    "42348-3": "DocumentReference",
}
"""Types of resources to which each section may refer, by Composition-uv-ips."""


def missing_elements(resource: dict[str, Any]) -> list[str]:
    """Returns the mandatory elements that a resource lacks; an element with the reason of its absence is there."""
    with _TABLE.open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["resource"] == resource["resourceType"]]
    return [row["source"] for row in rows if not _has(resource, row["element"].split("."))]


def _has(node: Any, path: list[str]) -> bool:
    if not path:
        return True
    nodes = node if isinstance(node, list) else [node]
    return bool(nodes) and all(any(_has(value, path[1:]) for value in _values(item, path[0])) for item in nodes)


def _values(item: dict[str, Any], name: str) -> Iterator[Any]:
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        yield from (value for key, value in item.items() if key.removeprefix("_").startswith(stem))
    else:
        yield from (item[key] for key in (name, f"_{name}") if key in item)
