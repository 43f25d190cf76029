"""Invented medicines, prescriptions and facts of treatments and allergies."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import (
    ClinicalFact,
    FactKind,
    FactSource,
    Ingredient,
    TreatmentDetail,
)
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime
from services.records.medicines.domain.interactions import built_in_table
from services.records.medicines.domain.medicines import KnownMedicines, Medicine, MedicineSubstance
from services.records.medicines.domain.names import names_of_substance
from services.records.warnings.domain.prescription import OrderedExam, OrderedIngredient, OrderedMedicine, Prescription
from services.records.warnings.domain.tables import Tables
from services.records.warnings.domain.warnings import RecordFact
from shared.runtime import clock
from shared.terminology.oids import LOINC
from tests.infra.load.documents import Person
from tests.infra.records.structured_cdas import NO_TIME, a_structured_cda, medicine, section, treatment

ATC: Final = "2.16.840.1.113883.6.73"
CIS: Final = "1.2.250.1.213.2.3.1"
TODAY: Final = date(2026, 11, 30)


def substance(code: str, name: str) -> MedicineSubstance:
    """Returns a substance of the public files."""
    return MedicineSubstance(frozenset({code}), names_of_substance(name))


AMOXICILLIN: Final = Medicine(
    "60000001", "AMOXINVENT 500 mg, gélule", (substance("02215", "AMOXICILLINE"),), frozenset({"J01CA04"})
)
COMBINED: Final = Medicine(
    "60000002",
    "CODINVENT, comprimé",
    (substance("02202", "PARACÉTAMOL"), substance("01234", "CODÉINE (PHOSPHATE DE)")),
)
COLCHICINE: Final = Medicine("60000003", "COLCHINVENT 1 mg, comprimé", (substance("00845", "COLCHICINE"),))
KNOWN: Final = KnownMedicines(
    {medicine.cis: medicine for medicine in (AMOXICILLIN, COMBINED, COLCHICINE)},
    {"J01CA04": AMOXICILLIN.substances, "N02AJ06": COMBINED.substances},
)
TABLES: Final = Tables(KNOWN, built_in_table())
NO_FILES: Final = Tables(KnownMedicines(), built_in_table())


def a_prescription_cda(person: Person, *more: str, text: str = "", **medicines: str) -> bytes:
    """Returns a prescription (CDA) with these medicines: their ATC codes and names. `more`: other entries."""
    entries = [
        treatment(NO_TIME, medicine(code, name, system=ATC), numbers=("83",), mood="INT")
        for code, name in medicines.items()
    ]
    part = section("151", *entries, *more, words={"text": text} if text else None)
    return a_structured_cda(part, person=person, type="57833-6")


def atc(code: str, label: str | None = None) -> Coding:
    """Returns an ATC code."""
    return Coding(code, ATC, label)


def cis(code: str, label: str | None = None) -> Coding:
    """Returns a CIS code."""
    return Coding(code, CIS, label)


def ordered(*codes: Coding, name: str | None = None, ingredients: tuple[str, ...] = ()) -> OrderedMedicine:
    """Returns a prescribed medicine."""
    return OrderedMedicine(codes, name, tuple(OrderedIngredient(name=ingredient) for ingredient in ingredients))


def prescription(*medicines: OrderedMedicine, exams: tuple[str, ...] = ()) -> Prescription:
    """Returns a prescription; `exams` by their LOINC codes."""
    return Prescription(medicines, tuple(OrderedExam((Coding(code, LOINC),), f"exam {code}") for code in exams))


def a_fact(
    kind: FactKind, code: Concept, document: UUID | None = None, *, declared_by: Any = "organisation", **parts: Any
) -> RecordFact:
    """Returns a fact of the record; `at` and `end` are times, `ingredients` names of substances."""
    document = document or clock.uuid8(1_700_000_000_000, bytes(clock.RANDOM_BYTES), 7)
    at, end = parts.pop("at", None), parts.pop("end", None)
    names = parts.pop("ingredients", ())
    if at or end:
        parts["time"] = FactTime(start=at, end=end)
    if names:
        parts["treatment"] = TreatmentDetail(tuple(Ingredient(Concept(text=name)) for name in names))
    entry = repr((code.label, sorted(parts)))
    fact = ClinicalFact(id=fact_id(document, entry, kind), kind=kind, source=FactSource(entry), code=code, **parts)
    return RecordFact(fact, document, declared_by)


def an_allergy(*codes: Coding, text: str | None = None, **parts: Any) -> RecordFact:
    """Returns an allergy by codes or in words."""
    return a_fact(FactKind.ALLERGY, Concept(codes[0] if codes else None, codes[1:], text), **parts)


def a_treatment(*codes: Coding, text: str | None = None, **parts: Any) -> RecordFact:
    """Returns a treatment by codes or in words."""
    return a_fact(FactKind.TREATMENT, Concept(codes[0] if codes else None, codes[1:], text), **parts)
