"""Summary sheets of invented persons: an empty one, a usual one, and one with every form that a line can have."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    IMPOSSIBLE_DATE,
    NAMES_DISAGREE,
    SYSTEM_UNKNOWN,
    ClinicalFact,
    FactDetail,
    FactKind,
    FactSource,
    Frequency,
    Ingredient,
    Posology,
    Reaction,
    TreatmentDetail,
)
from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    FactParty,
    FactTime,
    Quantity,
    QuantityRatio,
    TextValue,
    TimeValue,
)
from services.records.statements.domain.stated_facts import place_of_directives, stated_facts_of
from services.records.statements.domain.statements import PatientStatement, StatedCode
from services.records.summary.domain.lines import draft_lines, finish_lines
from services.records.summary.domain.sheet import (
    Chapter,
    CitedDocument,
    Declaration,
    LineDecision,
    PersonToCall,
    SheetCounts,
    SheetDoctor,
    SheetPatient,
    SummaryLine,
    SummarySheet,
)
from services.records.summary.domain.sources import SheetSource
from shared.terminology.statements import ORGAN_DONATION, statement_kinds
from shared.values import Ins, NationalProfessionalId, NationalStructureId, Sex, StrictTraits

RECORD = UUID("018f0000-0000-8000-8000-0000000000aa")
WRITTEN_AT = datetime(2026, 11, 30, 8, 15, tzinfo=UTC)
PATIENT = SheetPatient(
    Ins("255069999999934", "1.2.250.1.213.1.4.10"), StrictTraits("INVENTÉE", "ZOÉ", "1955-06-12", Sex.FEMALE, "99999")
)
DOCTOR_ID = NationalProfessionalId("899900000018")
DOCTOR = SheetDoctor(
    DOCTOR_ID,
    "FICTIF",
    "Camille",
    "G15_10/SM26",
    "Médecin - Qualifié en Médecine Générale (SM)",
    NationalStructureId("1990000105"),
    "Cabinet inventé",
)
PEOPLE = (
    PersonToCall("emergency", "Basile INVENTÉ", "+33639980001", "frère"),
    PersonToCall("trusted", "Ada <INVENTÉE> & Cie", "+3227001234", "voisine"),
)

CIM_10, LOINC, ATC, CIS = (
    "2.16.840.1.113883.6.3",
    "2.16.840.1.113883.6.1",
    "2.16.840.1.113883.6.73",
    "1.2.250.1.213.2.3",
)
CCAM, EMDN, SNOMED = "1.2.250.1.215.300.1", "1.2.250.1.213.2.68", "2.16.840.1.113883.6.96"
KINDS = {
    Chapter.BLOOD_GROUP: FactKind.BLOOD_GROUP,
    Chapter.ALLERGIES: FactKind.ALLERGY,
    Chapter.TREATMENTS: FactKind.TREATMENT,
    Chapter.PROBLEMS: FactKind.PROBLEM,
    Chapter.PROCEDURES: FactKind.PROCEDURE,
    Chapter.IMPLANTS: FactKind.DEVICE,
    Chapter.PREGNANCY: FactKind.PREGNANCY,
    Chapter.VACCINATIONS: FactKind.VACCINATION,
    Chapter.DIRECTIVES: FactKind.DIRECTIVE,
}
CONFIRMED = LineDecision("confirmed", "Dr Camille FICTIF", DOCTOR_ID, datetime(2026, 3, 3, 10, tzinfo=UTC))
ENDED = LineDecision(
    "confirmed", "Dr Camille FICTIF", DOCTOR_ID, datetime(2024, 3, 3, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
)
REJECTED = LineDecision(
    "rejected", "Dr Camille FICTIF", DOCTOR_ID, datetime(2026, 3, 3, tzinfo=UTC), reason="erreur de patient"
)


def coded(code: str, system: str, display: str, *translations: Coding, text: str | None = None) -> Concept:
    """A code with its label, the same thing in other systems, and the author's words."""
    return Concept(Coding(code, system, display), translations, text)


def cited(number: int, **changed: Any) -> CitedDocument:
    """A document that states a line."""
    parts = {
        "title": "Compte rendu de consultation",
        "author": "Dr Ève IMAGINÉE",
        "organisation": "Hôpital inventé",
        "day": date(2026, 2, 1 + number % 27),
        "section": "Antécédents",
    }
    return CitedDocument(UUID(int=0x1000 + number), UUID(int=number), **{**parts, **changed})


def line(number: int, chapter: Chapter, code: Concept | None, **changed: Any) -> SummaryLine:
    """A line whose fact has this code; `changed`: members of the line, others of the fact."""
    members = set(SummaryLine.__dataclass_fields__)
    of_line = {name: value for name, value in changed.items() if name in members}
    of_fact = {name: value for name, value in changed.items() if name not in members}
    kind = of_fact.pop("kind", KINDS[chapter])
    fact = ClinicalFact(id=UUID(int=number), kind=kind, source=FactSource(f"0/{number}"), code=code, **of_fact)
    if of_line.get("origin", "document") == "document":
        of_line.setdefault("sources", (cited(number),))
    return SummaryLine(UUID(int=number), chapter, fact, **of_line)


def a_sheet(*lines: SummaryLine, **changed: Any) -> SummarySheet:
    """A sheet with these lines, for a professional."""
    parts: dict[str, Any] = {"lines": lines, "patient": PATIENT, **changed}
    return SummarySheet(RECORD, WRITTEN_AT, parts.pop("audience", "professional"), **parts)


PENICILLIN = coded("J01CA04", ATC, "amoxicilline")


def usual_lines() -> Iterable[SummaryLine]:
    """Lines as a usual record has them."""
    laboratory = FactParty("laboratory", organisation="Laboratoire inventé")
    yield line(
        1,
        Chapter.BLOOD_GROUP,
        coded("882-1", LOINC, "Groupe sanguin ABO et RhD"),
        value=CodedValue((coded("278149003", SNOMED, "A Rh positif"),)),
        time=FactTime("2019-05-04"),
        parties=(laboratory,),
        status="performed",
        sources=(cited(1, title="Carte de groupe sanguin", section=None),),
    )
    yield line(
        2,
        Chapter.ALLERGIES,
        PENICILLIN,
        category=coded("416098002", SNOMED, "allergie médicamenteuse"),
        reactions=(Reaction(coded("39579001", SNOMED, "anaphylaxie"), Concept(text="sévère")),),
        criticality=coded("high", "2.16.840.1.113883.4.642.4.130", "élevé"),
        time=FactTime("2011"),
        state="confirmed",
        decisions=(CONFIRMED,),
    )
    yield line(
        3,
        Chapter.TREATMENTS,
        coded("63371815", CIS, "LÉVOTHYROX 75 microgrammes", Coding("H03AA01", ATC, "lévothyroxine sodique")),
        treatment=TreatmentDetail(
            ingredients=(Ingredient(coded("H03AA01", ATC, "lévothyroxine"), QuantityRatio(Quantity("75", "ug"))),),
            posology=(
                Posology(dose=Quantity("1", "comprimé"), frequency=(Frequency(event="ACM"),)),
                Posology(lasting=Quantity("3", "mo"), frequency=(Frequency(Quantity("12", "h")),)),
            ),
            instructions=("à jeun",),
            route=coded("20053000", "0.4.0.127.0.16.1.1.2.1", "voie orale"),
        ),
        time=FactTime(start="2024-01-10", end_unknown=True),
        state="confirmed",
        decisions=(CONFIRMED,),
    )
    yield line(
        4,
        Chapter.TREATMENTS,
        coded("B01AA03", ATC, "warfarine"),
        treatment=TreatmentDetail(quantity=Quantity("30", "comprimé"), refills="2", form=Concept(text="comprimé")),
        status="prescribed",
        time=FactTime(start="2025-02-01", end="2025-08-01"),
        is_old=True,
    )
    yield line(
        5,
        Chapter.PROBLEMS,
        coded("E10", CIM_10, "Diabète de type 1"),
        time=FactTime(start="1998-04"),
        certainty=coded("confirmed", "2.16.840.1.113883.4.642.1.1075", "confirmé"),
        clinical_status=coded("active", "2.16.840.1.113883.4.642.1.1074", "actif"),
        state="confirmed",
        decisions=(CONFIRMED,),
    )
    yield line(
        6,
        Chapter.PROCEDURES,
        coded("NEKA020", CCAM, "Remplacement de l’articulation coxofémorale par prothèse totale"),
        time=FactTime("2020-06-15"),
        site=(Concept(text="hanche gauche"),),
        side=Concept(text="gauche"),
        status="performed",
    )
    yield line(
        7,
        Chapter.IMPLANTS,
        coded("P0908", EMDN, "Prothèse de hanche"),
        is_implant=True,
        time=FactTime(start="2020-06-15", end_unknown=True),
        details=(FactDetail(Concept(text="Identifiant"), TextValue("01.3760")),),
    )
    yield line(
        8,
        Chapter.PREGNANCY,
        coded("11449-6", LOINC, "Statut de grossesse"),
        value=BooleanValue(False),
        time=FactTime("2026-02-01"),
    )
    yield line(
        9,
        Chapter.VACCINATIONS,
        coded("J07AM51", ATC, "vaccin diphtérie-tétanos"),
        time=FactTime("2025-10-01"),
        status="given",
        treatment=TreatmentDetail(lot="LOT1", dose_number="3", manufacturer="Laboratoire inventé"),
    )
    yield line(
        10,
        Chapter.DIRECTIVES,
        coded("42348-3", LOINC, "Directives anticipées"),
        where="chez la personne de confiance",
        sources=(cited(10, title="Mes directives anticipées", author=None, organisation=None, section=None),),
    )


def unusual_lines() -> Iterable[SummaryLine]:
    """Lines of every other form: absent, refuted, contradictory, rejected, declared, doubtful."""
    none = coded("02276797", "1.2.250.1.213.2.63", "Aucun")
    yield line(20, Chapter.ALLERGIES, none, statement="none", scope="Allergies identifiées pendant le séjour")
    yield line(21, Chapter.ALLERGIES, PENICILLIN, negated=True, conflict=1)
    yield line(
        22, Chapter.ALLERGIES, Concept(text="arachide <cacahuète>"), conflict=1, state="rejected", decisions=(REJECTED,)
    )
    yield line(
        23,
        Chapter.ALLERGIES,
        Concept(text="latex"),
        origin="patient-side",
        declaration=Declaration("representative", datetime(2026, 1, 5, tzinfo=UTC), "Basile INVENTÉ"),
    )
    yield line(24, Chapter.ALLERGIES, None, statement="unknown")
    yield line(
        25,
        Chapter.TREATMENTS,
        coded("63371815", CIS, "LÉVOTHYROX", Coding("N02BE01", ATC, "paracétamol"), text="autre chose"),
        marks=(CODE_TEXT_DISAGREE, NAMES_DISAGREE, IMPOSSIBLE_DATE),
        time=FactTime(),
        phase="discharge",
        status="dispensed",
        reason=Concept(text="hypothyroïdie"),
        comments=("à revoir",),
        decisions=(ENDED,),
    )
    yield line(
        26, Chapter.PROBLEMS, Concept(text="code local"), marks=(SYSTEM_UNKNOWN,), severity=Concept(text="modéré")
    )
    yield line(
        27,
        Chapter.PROBLEMS,
        coded("I21", CIM_10, "Infarctus du myocarde"),
        certainty=coded("refuted", "2.16.840.1.113883.4.642.1.1075", "réfuté"),
        time=FactTime(end="2001"),
    )
    yield line(
        28,
        Chapter.PROBLEMS,
        Concept(text="Asthme d’effort"),
        origin="doctor",
        state="confirmed",
        decisions=(CONFIRMED,),
    )
    yield line(29, Chapter.PROCEDURES, None, status="planned", method=Concept(text="cœlioscopie"))
    yield line(
        30,
        Chapter.PREGNANCY,
        coded("11778-8", LOINC, "Date prévue d’accouchement"),
        value=TimeValue(FactTime("2027-01-02")),
        interpretation=(Concept(text="normal"),),
    )
    yield line(31, Chapter.VACCINATIONS, Concept(text="vaccin grippe"), negated=True, status="given")
    yield line(
        32,
        Chapter.BLOOD_GROUP,
        coded("10331-7", LOINC, "Groupe Rh"),
        value=CodedValue((Concept(text="Rh négatif"),)),
        status="performed",
    )


def a_usual_sheet(**changed: Any) -> SummarySheet:
    """A sheet that fits on a page."""
    return a_sheet(*usual_lines(), people_to_call=PEOPLE, counts=SheetCounts(12, 1, 2), **changed)


def a_full_sheet(**changed: Any) -> SummarySheet:
    """A sheet with every form of a line, in the order of its chapters."""
    order = list(Chapter)
    lines = sorted([*usual_lines(), *unusual_lines()], key=lambda line: order.index(line.chapter))
    return a_sheet(*lines, people_to_call=PEOPLE, counts=SheetCounts(12, 1, 2), **changed)


def a_stated_sheet() -> SummarySheet:
    """A sheet of what a carer states: every kind of statement, some with a code."""
    statements = [
        PatientStatement(kind, f"{kind}, en mots", since="2019-03", until="2024" if kind == "hospitalisation" else None)
        for kind in statement_kinds()
        if kind != ORGAN_DONATION
    ]
    statements.append(PatientStatement(ORGAN_DONATION, position="agrees"))
    statements.append(PatientStatement("disease", "Asthme", StatedCode(CIM_10, "J45", "Asthme, sans précision")))
    statements.append(PatientStatement("allergy", "Amoxicilline", StatedCode("1.2.3.4", "X", "Inconnu")))
    source = SheetSource(
        id=UUID(int=0x2000),
        record_id=RECORD,
        type="EXPPAT_3",
        day=WRITTEN_AT.date(),
        received_at=WRITTEN_AT,
        deposited_by="carer",
        state="read",
        facts=tuple(stated_facts_of(UUID(int=0x2000), statements)),
        where=place_of_directives(statements),
    )
    return a_sheet(*finish_lines(draft_lines([source], [], WRITTEN_AT), {}, WRITTEN_AT))
