"""Which entry template of the CI-SIS holds which kind of fact. Nothing is mapped by the LOINC code of a section.

E.n is 1.2.250.1.213.1.1.3.n, S.n is 1.2.250.1.213.1.1.2.n (CI-SIS "Modèles de contenus CDA", ANS).
"""

from typing import Final

from services.records.clinical_facts.domain.model import FactKind, Phase


def entry(number: str) -> str:
    """Returns the OID of an entry template of the CI-SIS."""
    return f"1.2.250.1.213.1.1.3.{number}"


def section(number: str) -> str:
    """Returns the OID of a section template of the CI-SIS."""
    return f"1.2.250.1.213.1.1.2.{number}"


PROBLEM: Final = entry("37")
PROBLEM_CONCERN: Final = entry("39")
ALLERGY: Final = entry("41")
SAMPLING: Final = entry("77")
DISPENSED: Final = frozenset({entry("204"), entry("90")})
ADMINISTERED: Final = entry("26")
PRESCRIBED: Final = entry("83")
RECOMMENDED: Final = entry("47")
IMPLANTED: Final = entry("2")

KINDS: Final[dict[str, FactKind]] = {
    entry("80"): FactKind.RESULT,
    "1.3.6.1.4.1.19376.1.3.1.6": FactKind.RESULT,
    entry("209"): FactKind.RESULT,
    entry("50"): FactKind.MEASURE,
    PROBLEM: FactKind.PROBLEM,
    ALLERGY: FactKind.ALLERGY,
    entry("210"): FactKind.ADVERSE_EFFECT,
    entry("42"): FactKind.TREATMENT,
    PRESCRIBED: FactKind.TREATMENT,
    entry("13"): FactKind.TREATMENT,
    entry("204"): FactKind.TREATMENT,
    entry("90"): FactKind.TREATMENT,
    ADMINISTERED: FactKind.TREATMENT,
    entry("45"): FactKind.VACCINATION,
    RECOMMENDED: FactKind.VACCINATION,
    entry("62"): FactKind.PROCEDURE,
    entry("20"): FactKind.DEVICE,
    IMPLANTED: FactKind.DEVICE,
    entry("53"): FactKind.PREGNANCY,
    entry("51"): FactKind.FAMILY,
    entry("54"): FactKind.DIRECTIVE,
    entry("52"): FactKind.LIFESTYLE,
}
"""E.1, the parts of an implant, are read with E.2."""

KIND_ORDER: Final = tuple(dict.fromkeys(KINDS.values()))
"""Which kind counts where an entry has the templates of two."""

NEVER_FACTS: Final = frozenset({SAMPLING})
"""Templates whose entry is no fact even where another template of KINDS stands beside it: the taking of a sample."""

PLANS: Final = frozenset({section("158"), section("120")})
"""Sections in which everything is planned, whatever the moodCode says: plans of care, recommended vaccines."""

PHASES: Final[dict[str, Phase]] = {section("144"): "admission", section("145"): "stay", section("146"): "discharge"}

BLOOD_GROUPS: Final = frozenset({"34530-6", "882-1", "883-9", "10331-7"})
"""LOINC codes of results that state a blood group: ABO and RhD."""

NO_DIRECTIVES: Final = frozenset({"64292-6"})
"""LOINC codes in the template of directives that state none: consent to the reuse of data."""

EXISTENCE: Final = frozenset({("2.16.840.1.113883.6.1", "42348-3"), ("1.2.250.1.213.2.12", "P2-00200")})
"""Codes (system, code) of directives whose value says whether there is any: advance directives, palliative care. The
value of any other one is the patient's choice, and its `false` a directive too."""

VACCINE_REFUSAL: Final = "Z28"
"""The beginning of the CIM-10 codes of vaccinations that were refused or not carried out."""
