"""A prescription as its prescriber's software sends it. Nothing of it is kept."""

from dataclasses import dataclass

from services.records.clinical_facts.domain.values import Coding
from shared.values import Ins, RedactedRepr, SentTraits


@dataclass(frozen=True, slots=True, repr=False)
class OrderedIngredient(RedactedRepr):
    """An active ingredient by its codes and its name, one of them at least."""

    codes: tuple[Coding, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class OrderedMedicine(RedactedRepr):
    """A medicine of the prescription. `codes`: CIS, CIP, ATC and others; `name`: as the prescriber reads it."""

    codes: tuple[Coding, ...] = ()
    name: str | None = None
    ingredients: tuple[OrderedIngredient, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class OrderedExam(RedactedRepr):
    """An exam of the prescription, by its codes (LOINC, NABM, CCAM)."""

    codes: tuple[Coding, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class PrescribedPerson(RedactedRepr):
    """The person whom the header of a prescription names."""

    ins: tuple[Ins, ...]
    traits: SentTraits


@dataclass(frozen=True, slots=True, repr=False)
class Prescription(RedactedRepr):
    """A prescription. Its items are numbered from 0: medicines first, then exams.

    `person`: None where software sends the items, and not the document.
    """

    medicines: tuple[OrderedMedicine, ...] = ()
    exams: tuple[OrderedExam, ...] = ()
    person: PrescribedPerson | None = None
