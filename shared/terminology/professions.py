"""Professions and roles that the DMP accepts (JDV_J65)."""

from dataclasses import dataclass
from functools import cache

from shared.terminology.tables import rows


@dataclass(frozen=True, slots=True)
class Profession:
    """A profession or role: its table (TRE_G15 for health professions, TRE_A00 for producers ...) and code."""

    table: str
    code: str
    label: str


DOCTOR = "G15_10"
PRODUCERS = "A00"
"""Table of producers, which may be authors and never read."""


@cache
def professions() -> dict[tuple[str, str], Profession]:
    """Returns all of JDV_J65 by table and code."""
    return {(r["table"], r["code"]): Profession(r["table"], r["code"], r["label_fr"]) for r in rows("professions")}


def profession(code: str, table: str = "TRE_G15") -> Profession | None:
    """Returns the profession with this code in this table, or None when the DMP does not accept it."""
    return professions().get((table, code))


@cache
def role_codes() -> frozenset[str]:
    """Returns professions and roles that may act in a record (JDV_J65), as table and code (`G15_10`); no producers."""
    return frozenset(code for code in _codes() if not code.startswith(PRODUCERS))


@cache
def producer_codes() -> frozenset[str]:
    """Returns automated producers and similar roles (TRE_A00), as table and code: they only deposit."""
    return _codes() - role_codes()


def _codes() -> frozenset[str]:
    return frozenset(f"{entry.table.removeprefix('TRE_')}_{entry.code}" for entry in professions().values())


def role_code(role: str) -> str:
    """Returns a profession as table and code; the input is that (`G15_10`, `G15_10/SM26`) or a bare code of TRE_G15."""
    code = role.partition("/")[0]
    return code if "_" in code else f"G15_{code}"


def role_label(role: str) -> str | None:
    """Returns the French label of a profession (`G15_10`, `G15_10/SM26`, or a bare code); None if it is unknown."""
    table, _, code = role_code(role).partition("_")
    named = profession(code, f"TRE_{table}")
    return None if named is None else named.label
