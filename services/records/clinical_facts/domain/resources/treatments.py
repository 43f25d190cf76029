"""Treatments and vaccinations as MedicationStatement and Immunization."""

from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, Posology, TreatmentDetail
from services.records.clinical_facts.domain.resources.elements import (
    Json,
    concept,
    first_concept,
    optional,
    parties,
    present,
    quantity,
    quantity_range,
    quantity_ratio,
    timing,
    words_of,
)
from services.records.clinical_facts.domain.resources.frame import DENIED, ResourceFrame, common, fact_notes
from services.records.clinical_facts.domain.values import Quantity

_STATUS_WORDS: Final = {
    "planned": "Prévu",
    "prescribed": "Prescrit",
    "recommended": "Recommandé",
    "dispensed": "Dispensé",
    "given": "Administré",
}
_PHASE_WORDS: Final = {
    "admission": "Traitement à l’admission",
    "stay": "Traitement du séjour",
    "discharge": "Traitement à la sortie",
}
_UNDATED: Final = "date inconnue"


def medication_statement(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns a MedicationStatement. Whether it is still taken follows from its end and its status alone."""
    detail = fact.treatment or TreatmentDetail()
    return {
        **common("MedicationStatement", fact, frame),
        **present(
            {
                "status": _status(fact, frame),
                "statusReason": [{"text": _STATUS_WORDS[fact.status]}] if fact.status in _STATUS_WORDS else None,
                "category": {"text": _PHASE_WORDS[fact.phase]} if fact.phase is not None else None,
                "medicationCodeableConcept": optional(fact.code),
                **timing(fact.time, "effective"),
                "informationSource": next(iter(parties(fact.parties, "author", "performer")), None),
                "reasonCode": [concept(fact.reason)] if fact.reason is not None else None,
                "note": fact_notes(fact, DENIED if fact.negated else None, *_ingredients(detail), _supply(detail)),
                "dosage": _dosages(detail),
            }
        ),
    }


def immunization(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns an Immunization; one that is recommended, planned, refused or none is not done."""
    detail = fact.treatment or TreatmentDetail()
    is_done = fact.is_positive and not fact.is_planned
    time = timing(fact.time, "occurrence") if fact.time is not None and fact.time.at is not None else {}
    reason = _STATUS_WORDS.get(fact.status) if fact.is_planned else DENIED if fact.negated else None
    dose = next((step.dose for step in detail.posology if isinstance(step.dose, Quantity)), None)
    return {
        **common("Immunization", fact, frame, patient="patient"),
        **present(
            {
                "status": "completed" if is_done else "not-done",
                "statusReason": {"text": reason} if reason is not None else None,
                "vaccineCode": optional(fact.code),
                **(time or {"occurrenceString": _occurrence(fact)}),
                "manufacturer": {"display": detail.manufacturer} if detail.manufacturer is not None else None,
                "lotNumber": detail.lot,
                "site": first_concept(fact.site),
                "route": optional(detail.route),
                "doseQuantity": quantity(dose) if dose is not None and dose.comparator is None else None,
                "performer": [{"actor": actor} for actor in parties(fact.parties, "performer", "author")],
                "note": fact_notes(fact, *_reactions(fact)),
                "protocolApplied": _protocol(fact, detail),
            }
        ),
    }


def _status(fact: ClinicalFact, frame: ResourceFrame) -> str:
    if fact.negated or fact.statement == "none":
        return "not-taken"
    if fact.statement == "unknown" or fact.status == "dispensed":
        return "unknown"
    if frame.has_ended(fact):
        return "completed"
    if fact.is_planned:
        return "intended"
    return "unknown" if fact.status == "given" or fact.phase == "admission" else "active"


def _occurrence(fact: ClinicalFact) -> str:
    time = fact.time
    if time is None or time.is_unknown:
        return _UNDATED
    return " - ".join(bound for bound in (time.start, time.end) if bound)


def _dosages(detail: TreatmentDetail) -> list[Json]:
    steps = [_dosage(step, detail) for step in detail.posology]
    if not steps and (detail.route is not None or detail.instructions):
        steps = [_dosage(Posology(), detail)]
    return [step for step in steps if step]


def _dosage(step: Posology, detail: TreatmentDetail) -> Json:
    frequencies = [
        item.words or f"toutes les {words_of(item.period)}" for item in step.frequency if item.words or item.period
    ]
    pieces = [step.dose_words or words_of(step.dose), *frequencies, _lasting(step)]
    dose = step.dose
    amount = (
        {"doseQuantity": quantity(dose)}
        if isinstance(dose, Quantity)
        else {"doseRange": quantity_range(dose)}
        if dose
        else {}
    )
    rate = step.rate
    speed = (
        {"rateQuantity": quantity(rate)}
        if isinstance(rate, Quantity)
        else {"rateRange": quantity_range(rate)}
        if rate
        else {}
    )
    dose_and_rate = present({**amount, **speed})
    return present(
        {
            "text": ", ".join(piece for piece in pieces if piece),
            "patientInstruction": " ".join(detail.instructions),
            "route": optional(detail.route),
            "doseAndRate": [dose_and_rate] if dose_and_rate else None,
            "maxDosePerPeriod": quantity_ratio(step.highest) if step.highest is not None else None,
        }
    )


def _lasting(step: Posology) -> str:
    start = f"à partir du {step.during.first}" if step.during is not None and step.during.first else ""
    return " ".join(part for part in (start, f"pendant {words_of(step.lasting)}" if step.lasting else "") if part)


def _ingredients(detail: TreatmentDetail) -> list[str]:
    """Returns the ingredients as notes: a MedicationStatement by code has no member for them."""
    labels = [(item.substance.label, words_of(item.strength)) for item in detail.ingredients]
    return [
        f"Substance : {' '.join(part for part in (label, strength) if part)}" for label, strength in labels if label
    ]


def _supply(detail: TreatmentDetail) -> str | None:
    return f"Quantité : {words_of(detail.quantity)}" if detail.quantity is not None else None


def _reactions(fact: ClinicalFact) -> list[str]:
    labels = [reaction.manifestation.label for reaction in fact.reactions if not reaction.negated]
    return [f"Réaction observée : {label}" for label in labels if label]


def _protocol(fact: ClinicalFact, detail: TreatmentDetail) -> list[Json]:
    series = fact.category.label if fact.category is not None else None
    number = detail.dose_number
    if number is None:
        return []
    is_number = number.isdigit() and 0 < int(number) < 1000
    dose: Json = {"doseNumberPositiveInt": int(number)} if is_number else {"doseNumberString": number}
    return [present({"series": series, **dose})]
