"""The measures that a person keeps in the personal space: their codes, units and limits, and the context of a glucose.

Sources: API Mesures 1.5.2 of Mon espace santé, CI-SIS volet "mesures de santé", JDV_J154, J157, J163 and J164. The
limits are this project's (data/README.md).
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final, Literal

from shared.terminology import oids
from shared.terminology.tables import rows

BLOOD_PRESSURE: Final = "BLOOD_PRESSURE"
SYSTOLIC: Final = "SYSTOLIC_BLOOD_PRESSURE"
DIASTOLIC: Final = "DIASTOLIC_BLOOD_PRESSURE"
BODY_MASS_INDEX: Final = "BODY_MASS_INDEX"
WEIGHT: Final = "WEIGHT"
HEIGHT: Final = "HEIGHT"
WITH_MOMENT: Final = frozenset({"GLUCOSE"})
"""The measures that state the moment of the day (JDV_J157)."""
WITH_DAYS: Final = frozenset({"INTERSTITIAL_GLUCOSE", "HEMOGLOBIN_GLYCATION_INDEX"})
"""The measures that state over how many days they were taken (JDV_J164)."""

_SYSTEMS: Final = {
    "LOINC": oids.LOINC_SYSTEM,
    "TAASIP": oids.TRE_R308_SYSTEM,
    "CISP2": oids.TRE_R313_SYSTEM,
}
_SPELLINGS: Final = {
    oids.TRE_A04_SYSTEM: oids.LOINC_SYSTEM,
    f"urn:oid:{oids.LOINC}": oids.LOINC_SYSTEM,
    f"urn:oid:{oids.TRE_R308}": oids.TRE_R308_SYSTEM,
    f"urn:oid:{oids.CISP2}": oids.TRE_R313_SYSTEM,
}
"""Other spellings of the systems."""


@dataclass(frozen=True, slots=True)
class MeasureType:
    """A kind of measure. `unit`: UCUM. `minimum` and `maximum`: what is possible at all; None where parts have them.

    `decimals`: the most that a value has. `is_derived`: computed or part of another measure, and never entered itself.
    """

    code: str
    system: str
    observation_code: str
    label_fr: str
    label_en: str
    unit: str
    minimum: Decimal | None
    maximum: Decimal | None
    decimals: int
    is_derived: bool


@dataclass(frozen=True, slots=True)
class MeasureContext:
    """The moment of a glucose, or the days over which a mean was taken: this project's code, and the official one."""

    kind: Literal["moment", "days"]
    code: str
    system: str
    observation_code: str
    label_fr: str
    label_en: str


@cache
def measure_types() -> dict[str, MeasureType]:
    """Returns the 16 kinds of measure by code."""
    return {row["code"]: _type(row) for row in rows("measures")}


@cache
def entered_codes() -> tuple[str, ...]:
    """Returns the codes of the measures that are entered."""
    return tuple(code for code, kind in measure_types().items() if not kind.is_derived)


def observation_type(system: str | None, code: str) -> MeasureType | None:
    """Returns the kind of measure with this code of LOINC or TRE_R308, None if there is none."""
    return _by_observation_code().get((canonical_system(system), code))


@cache
def measure_contexts(kind: Literal["moment", "days"]) -> dict[str, MeasureContext]:
    """Returns the moments, or the numbers of days, by this project's code."""
    return {row["code"]: _context(row) for row in rows("measure_contexts") if row["kind"] == kind}


def observation_context(kind: Literal["moment", "days"], system: str | None, code: str) -> MeasureContext | None:
    """Returns the context with this official code, None if there is none."""
    sought = (canonical_system(system), code)
    contexts = measure_contexts(kind).values()
    return next((context for context in contexts if (context.system, context.observation_code) == sought), None)


def canonical_system(system: str | None) -> str | None:
    """Returns the FHIR system that a spelling of it means."""
    return None if system is None else _SPELLINGS.get(system, system)


@cache
def _by_observation_code() -> dict[tuple[str | None, str], MeasureType]:
    return {(kind.system, kind.observation_code): kind for kind in measure_types().values()}


def _type(row: dict[str, str]) -> MeasureType:
    return MeasureType(
        code=row["code"],
        system=_SYSTEMS[row["system"]],
        observation_code=row["observation_code"],
        label_fr=row["label_fr"],
        label_en=row["label_en"],
        unit=row["unit"],
        minimum=Decimal(row["minimum"]) if row["minimum"] else None,
        maximum=Decimal(row["maximum"]) if row["maximum"] else None,
        decimals=int(row["decimals"]),
        is_derived=row["origin"] == "derived",
    )


def _context(row: dict[str, str]) -> MeasureContext:
    kind: Literal["moment", "days"] = "moment" if row["kind"] == "moment" else "days"
    system = _SYSTEMS[row["system"]]
    return MeasureContext(kind, row["code"], system, row["observation_code"], row["label_fr"], row["label_en"])
