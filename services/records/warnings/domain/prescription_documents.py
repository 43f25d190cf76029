"""Reads a prescription out of its document (CDA, level 3), as the facts of documents are read."""

import time
from typing import Final
from uuid import UUID

import pybase64

from services.records.clinical_facts.domain.extraction import ExtractionLimits, extract
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.warnings.domain.prescription import (
    OrderedIngredient,
    OrderedMedicine,
    PrescribedPerson,
    Prescription,
)
from shared.cda.summary import CdaSummary
from shared.errors import InvalidError

LARGEST_DOCUMENT: Final = 1024 * 1024
MOST_MEDICINES: Final = 50
_LIMITS: Final = ExtractionLimits(size=LARGEST_DOCUMENT, elements=20_000, facts=500)
_LONGEST_S: Final = 2.0
_NO_VERSION: Final = UUID(int=0)
"""Facts of a document that is not kept have ids that nobody sees."""


class PrescriptionUnreadableError(InvalidError):
    """The document is no structured prescription (CDA, level 3, at most 1 MB and 50 medicines), or a part of it stands
    in words alone. Send its medicines and exams instead, so that nothing is left unchecked."""

    code = "prescription-unreadable"
    french = (
        "Le document n’est pas une ordonnance structurée (CDA de niveau 3, 1 Mo et 50 médicaments au plus), ou une "
        "partie n’est qu’en texte. Envoyez ses médicaments et examens, pour que rien ne reste sans vérification."
    )


def prescription_of_cda(encoded: str) -> Prescription:
    """Returns the prescribed medicines of a CDA in base64, and whom its header names.

    Source: CI-SIS "Prescription de produits de santé" (eP-MED-DM 2022.01, ANS). Raises PrescriptionUnreadableError.
    """
    try:
        content = pybase64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise PrescriptionUnreadableError from error
    end = time.monotonic() + _LONGEST_S
    headers: list[CdaSummary] = []

    def keep(header: CdaSummary) -> bool:
        headers.append(header)
        return True

    read = extract(
        content,
        "text/xml",
        _NO_VERSION,
        limits=_LIMITS,
        is_over=lambda: time.monotonic() > end,
        is_of_patient=keep,
    )
    medicines = [_medicine(fact) for fact in read.facts if _is_prescribed(fact)]
    if read.outcome != "read" or read.text_only or not 0 < len(medicines) <= MOST_MEDICINES:
        raise PrescriptionUnreadableError
    [header] = headers
    return Prescription(tuple(medicines), person=PrescribedPerson(header.ins, header.traits))


def _is_prescribed(fact: ClinicalFact) -> bool:
    return fact.kind is FactKind.TREATMENT and fact.status == "prescribed" and fact.is_positive


def _medicine(fact: ClinicalFact) -> OrderedMedicine:
    code, detail = fact.code, fact.treatment
    ingredients = detail.ingredients if detail is not None else ()
    return OrderedMedicine(
        code.codings if code is not None else (),
        code.label if code is not None else None,
        tuple(OrderedIngredient(each.substance.codings, each.substance.label) for each in ingredients),
    )
