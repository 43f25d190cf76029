"""Which facts of a document are doses that can be certified: performed, coded, of one day, and a professional's word.

Whatever leaves a doubt is left out: a dose that is planned, negated, undated or marked; one that another document or a
person of the patient side states; one whose entry names an author who is no professional.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.certificates.domain.doses import PerformedDose, VaccineCode
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import Concept
from services.records.documents.domain.metadata import StoredAuthor
from services.records.facts.domain.documents import DocumentSummary
from services.records.summary.domain.citations import citation_of
from shared.fhir.submission import AuthorKind
from shared.terminology import oids
from shared.terminology.clinical import code_systems
from shared.terminology.professions import role_code, role_codes

_VACCINE_SYSTEMS: Final = frozenset({"CIS", "CIP", "CIP13", "ATC", "SNOMED CT", "CVX"})
"""The systems whose codes name vaccines."""
_PACKAGES: Final = frozenset({"CIP", "CIP13"})
_PATIENT_CLASS: Final = "90"
_DAY: Final = len("2026-01-01")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The days on which the holder can have got a dose: from birth to today."""

    birth: date
    today: date


def is_signed_by_professional(summary: DocumentSummary, authors: Iterable[StoredAuthor]) -> bool:
    """Whether professionals alone wrote the document, and an organisation deposited it."""
    of_care = summary.deposited_by == "organisation" and summary.class_code != _PATIENT_CLASS
    writers = [author for author in authors if author.kind != AuthorKind.ORGANISATION]
    return (
        of_care
        and bool(writers)
        and all(author.kind == AuthorKind.PROFESSIONAL and author.professional is not None for author in writers)
        and all(author.role is None or role_code(author.role) in role_codes() for author in writers)
    )


def certifiable_doses(document_id: UUID, facts: Iterable[ClinicalFact], lifetime: Lifetime) -> list[PerformedDose]:
    """Returns the doses that a document of a professional states, as a certificate may state them."""
    doses = (_dose(document_id, fact) for fact in facts if _may_be_certified(fact))
    return [dose for dose in doses if dose is not None and lifetime.birth <= dose.day <= lifetime.today]


def _may_be_certified(fact: ClinicalFact) -> bool:
    is_dose = fact.kind == FactKind.VACCINATION and fact.status == "given" and fact.is_positive
    authors = [party for party in fact.parties if party.role == "author"]
    by_professional = all((party.id or "").startswith(f"{oids.PROFESSIONAL}^") for party in authors)
    return is_dose and by_professional and not fact.marks and citation_of(fact.source.ids) is None


def _dose(document_id: UUID, fact: ClinicalFact) -> PerformedDose | None:
    """Returns the dose; None without a code of a vaccine or without a day."""
    codes = _vaccine_codes(fact.code) if fact.code is not None else ()
    day = _day(fact)
    if not codes or day is None or fact.code is None:
        return None
    performers = [party for party in fact.parties if party.role == "performer"]
    names = (party.name or party.organisation for party in performers)
    return PerformedDose(
        fact.id,
        document_id,
        codes,
        day,
        fact.code.label,
        fact.treatment.lot if fact.treatment is not None else None,
        next((name for name in names if name), None),
    )


def _vaccine_codes(concept: Concept) -> tuple[VaccineCode, ...]:
    """Returns the codes of a vaccine in their order. A package's code is left out where the vaccine has one."""
    systems = code_systems()
    coded = [
        (systems[coding.system], coding.code)
        for coding in concept.codings
        if coding.system in systems and systems[coding.system].name in _VACCINE_SYSTEMS
    ]
    vaccines = [(system, code) for system, code in coded if system.name not in _PACKAGES]
    return tuple(dict.fromkeys(VaccineCode(system.uri, code) for system, code in vaccines or coded))


def _day(fact: ClinicalFact) -> date | None:
    """Returns the day of a dose; None for a period, and for what is less precise than a day."""
    at = fact.time.at if fact.time is not None else None
    try:
        return None if at is None else date.fromisoformat(at[:_DAY])
    except ValueError:
        return None
