"""What vaccines protect against, by their code, and the CVX code that says no more than an ATC code says."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from shared.terminology.tables import rows

ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
"""Vaccines administered, a table of the CDC, in which SMART Health Cards name vaccines."""


@dataclass(frozen=True, slots=True)
class VaccineDisease:
    """A disease against which a vaccine protects, and its names."""

    code: str
    french: str
    english: str


@dataclass(frozen=True, slots=True)
class Vaccine:
    """The diseases against which a vaccine protects, and its code in CVX, if that says no more."""

    diseases: frozenset[str]
    cvx: str | None


@cache
def vaccine_diseases() -> dict[str, VaccineDisease]:
    """Returns the diseases by their code, such as `measles`."""
    return {r["disease"]: VaccineDisease(r["disease"], r["label_fr"], r["label_en"]) for r in rows("vaccine_diseases")}


@cache
def vaccines_by_atc() -> dict[str, Vaccine]:
    """Returns the vaccines of the table by their ATC code."""
    return {r["atc"]: Vaccine(frozenset(r["diseases"].split()), r["cvx"] or None) for r in rows("vaccines")}


@cache
def _by_cvx() -> dict[str, frozenset[str]]:
    return {vaccine.cvx: vaccine.diseases for vaccine in vaccines_by_atc().values() if vaccine.cvx is not None}


def diseases_of(codes: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Returns the diseases that a vaccine's codes, each (FHIR system, code), state together.

    Empty for a vaccine that the table does not have, and where two codes of one vaccine disagree.
    """
    stated = {diseases for code in codes if (diseases := _diseases_of_code(*code)) is not None}
    return next(iter(stated)) if len(stated) == 1 else frozenset()


def _diseases_of_code(system: str, code: str) -> frozenset[str] | None:
    if system == CVX:
        return _by_cvx().get(code)
    vaccine = vaccines_by_atc().get(code) if system == ATC else None
    return None if vaccine is None else vaccine.diseases


def cvx_of_atc(code: str) -> str | None:
    """Returns the CVX code that an ATC code implies; None where CVX has only narrower ones, or the table none."""
    vaccine = vaccines_by_atc().get(code)
    return None if vaccine is None else vaccine.cvx
