"""Invented documents with coded entries, small ones: a summary of a person's health, and a laboratory's report."""

from uuid import UUID

from tests.infra.load.documents import Person
from tests.infra.records.structured_cdas import (
    ATC,
    CIM_10,
    a_structured_cda,
    agent,
    allergy,
    cd,
    code,
    medicine,
    pq,
    problem,
    problems,
    result,
    section,
    time,
    treatment,
)

SYNTHESIS, LABORATORY = "60591-5", "11502-2"
"""Types of documents: a summary of a person's health, and a laboratory's report."""


def a_synthesis(
    person: Person,
    unique_id: UUID,
    *,
    condition: str = "J45",
    allergen: str = "J01CA04",
    drug: str = "H03AA01",
    replaces: UUID | None = None,
    **changed: str,
) -> bytes:
    """Returns a summary of health with a problem (CIM-10), an allergen and a medicine (ATC), and a section in words.

    `changed`: as for `a_cda`.
    """
    return a_structured_cda(
        section("40", problems(problem(time(low="20190105"), cd(condition, CIM_10, "Asthme inventé")))),
        section("49", allergy(time(low="20150601"), agent(code("code", allergen, ATC, "Amoxicilline")))),
        section("32", treatment(time(low="20260101"), medicine(drug, "Lévothyroxine", system=ATC))),
        section("69", title="Commentaire", words={"seul": "La personne vit seule."}),
        person=person,
        unique_id=unique_id,
        replaces=replaces,
        **{"type": SYNTHESIS, **changed},
    )


def a_report(
    person: Person, unique_id: UUID, *, values: dict[str, str], day: str = "20260930", **changed: str
) -> bytes:
    """Returns a laboratory's report with a value in mmol/L for each LOINC code."""
    results = [result(loinc, "Analyse", pq(value, "mmol/L"), time(day)) for loinc, value in values.items()]
    header: dict[str, str] = {"type": LABORATORY, **changed}
    return a_structured_cda(section("70", *results), person=person, unique_id=unique_id, replaces=None, **header)
