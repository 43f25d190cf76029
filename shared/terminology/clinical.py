"""Code systems of clinical content by OID, and the codes that say: nothing, not known, an allergen, an implant."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from shared.terminology.tables import rows

# The codes of the International Patient Summary for absent or unknown data, in whatever system they are written.
_NONE: Final = re.compile(r"no-known-[a-z-]+", re.IGNORECASE)
_UNKNOWN: Final = re.compile(r"no-[a-z-]+-info", re.IGNORECASE)

AbsentStatement = Literal["none", "unknown"]


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """A code system: its OID, its usual name and its FHIR system (`urn:oid:` where it has no other)."""

    oid: str
    name: str
    uri: str


@cache
def code_systems() -> dict[str, CodeSystem]:
    """Returns the code systems by OID."""
    systems = [(row["oid"], row["name"], row["uri"]) for row in rows("code_systems")]
    return {oid: CodeSystem(oid, name, uri or f"urn:oid:{oid}") for oid, name, uri in systems}


def first_oid(oid: str) -> str:
    """Returns the first OID of the code system that has this one: some systems have several. An unknown OID stays."""
    system = code_systems().get(oid)
    return _first_oids()[system.name] if system is not None else oid


@cache
def _first_oids() -> dict[str, str]:
    oids: dict[str, str] = {}
    for oid, system in code_systems().items():
        oids.setdefault(system.name, oid)
    return oids


def oid_of_system(system: str) -> str:
    """Returns the OID of a code system that is named by its FHIR system, as `urn:oid:...` or by its OID."""
    by_uri = (oid for oid, each in code_systems().items() if each.uri == system)
    return first_oid(next(by_uri, system.removeprefix("urn:oid:")))


def absent_statement(code: str, system_oid: str | None) -> AbsentStatement | None:
    """Returns what a code says when it states that there is nothing, or that nothing is known; None for any other."""
    if code[:3].lower() == "no-":
        if _NONE.fullmatch(code):
            return "none"
        if _UNKNOWN.fullmatch(code):
            return "unknown"
    return _absent_codes().get((system_oid, code))


def is_allergen(code: str, system_oid: str | None) -> bool:
    """Whether the code names a substance, so that it is an allergen where an allergy is stated. A reaction is none."""
    return code.startswith(_prefixes("allergen_codes").get(system_oid, ()))


def is_implant(code: str, system_oid: str | None) -> bool:
    """Whether the code names an implanted device."""
    return code.startswith(_prefixes("implants").get(system_oid, ()))


@cache
def _absent_codes() -> dict[tuple[str | None, str], AbsentStatement]:
    statements: dict[str, AbsentStatement] = {"none": "none", "unknown": "unknown"}
    return {(row["system_oid"], row["code"]): statements[row["statement"]] for row in rows("absent_codes")}


@cache
def _prefixes(table: str) -> dict[str | None, tuple[str, ...]]:
    prefixes: dict[str | None, tuple[str, ...]] = {}
    for row in rows(table):
        prefixes[row["system_oid"]] = (*prefixes.get(row["system_oid"], ()), row["prefix"])
    return prefixes
