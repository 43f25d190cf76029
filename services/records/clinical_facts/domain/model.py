"""A clinical fact, and the result of reading a document.

Source of the shapes: CI-SIS "Modèles de contenus CDA" (ANS), HL7 CDA R2.
"""

from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.values import (
    Concept,
    FactParty,
    FactTime,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    ReferenceRange,
)
from shared.values import RedactedRepr

EXTRACTOR_VERSION: Final = 1
"""Raised with every change that reads another fact out of the same bytes; older blocks are then read anew."""


class FactKind(StrEnum):
    """What a fact is about."""

    RESULT = "result"
    MEASURE = "measure"
    PROBLEM = "problem"
    ALLERGY = "allergy"
    ADVERSE_EFFECT = "adverse-effect"
    TREATMENT = "treatment"
    VACCINATION = "vaccination"
    RECOMMENDATION = "vaccine-recommendation"
    PROCEDURE = "procedure"
    DEVICE = "device"
    PREGNANCY = "pregnancy"
    FAMILY = "family-history"
    DIRECTIVE = "directive"
    LIFESTYLE = "lifestyle"
    BLOOD_GROUP = "blood-group"
    FINDING = "finding"


FactGroup = Literal["summary", "results", "other"]
"""Facts are stored in a block per document version and group, so that the sheet opens no block of results."""

_GROUPS: Final[dict[FactKind, FactGroup]] = {
    FactKind.RESULT: "results",
    FactKind.MEASURE: "results",
    FactKind.FINDING: "other",
    FactKind.LIFESTYLE: "other",
    FactKind.RECOMMENDATION: "other",
}

FactStatus = Literal["planned", "prescribed", "dispensed", "performed", "given", "stated"]
"""`stated`: it holds and nothing is done, as a problem. `performed`: done or measured. `given`: administered.

Which of them, the document's section and the entry decide; a statusCode `completed` never means that it was stopped.
"""

Statement = Literal["stated", "none", "unknown"]
"""`none`: the author codes that there is nothing of the kind, within a scope. `unknown`: that it is not known.

Neither is a positive fact, and neither closes or contradicts one.
"""

CODE_TEXT_DISAGREE: Final = "code-and-text-disagree"
NAMES_DISAGREE: Final = "names-disagree"
SYSTEM_UNKNOWN: Final = "system-unknown"
IMPOSSIBLE_DATE: Final = "impossible-date"
MARKS: Final = frozenset({CODE_TEXT_DISAGREE, NAMES_DISAGREE, SYSTEM_UNKNOWN, IMPOSSIBLE_DATE})
"""What a reader must be warned of: the fact's text says the contrary of its code; its names, codes or ingredients
disagree; a code's system is not one that is known, so that it stands as text; a date is no date and is left out."""


class FactSource(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """Where in the document a fact stands.

    `section_templates`: its templateIds, outermost section last. `entry`: the path of the entry's element, such as
    `2.1/3/0`: places of sections, entry and nested statements, equal for equal bytes. `ids`: the entry's own ids,
    `OID^extension`, as its author gave them.
    """

    entry: str
    section: str | None = None
    section_title: str | None = None
    section_templates: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


class Reaction(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What an allergen or an adverse effect caused."""

    manifestation: Concept
    severity: Concept | None = None


class Ingredient(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """An active ingredient of a medicine, with its quantity in the medicine."""

    substance: Concept
    strength: QuantityRatio | None = None


class Posology(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """How a treatment is taken. `words` are the prescriber's own and come before what is coded.

    `frequency`: coded times in ISO-like words of CDA, such as `every 12 h` or `before breakfast (ACM)`.
    """

    words: str | None = None
    dose: Quantity | QuantityRange | None = None
    most: QuantityRatio | None = None
    rate: Quantity | QuantityRange | None = None
    frequency: tuple[str, ...] = ()
    route: Concept | None = None
    as_needed: Concept | None = None


class TreatmentDetail(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What a treatment or a vaccination has besides its product, which is the fact's `code`."""

    ingredients: tuple[Ingredient, ...] = ()
    posology: Posology | None = None
    form: Concept | None = None
    reason: Concept | None = None
    lot: str | None = None
    dose_number: str | None = None
    vaccinated_against: tuple[Concept, ...] = ()
    manufacturer: str | None = None
    quantity: Quantity | None = None
    """The quantity prescribed or dispensed."""
    refills: str | None = None


class SpecimenDetail(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What was examined, and the laboratory's number of it."""

    id: str | None = None
    kind: Concept | None = None
    collected: FactTime | None = None


class ClinicalFact(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """A statement of a document about its patient.

    `code`: what it is about: the analysis, the problem's kind, the allergen, the medicine, the act, the device.
    `value`: what it says of it. `scope`: of a `none`, such as "during the stay". `panel`: the group of analyses.
    `relation`: of family history, whose it is. `is_implant`: by the table of implants, for devices.
    """

    id: UUID
    kind: FactKind
    source: FactSource
    status: FactStatus = "stated"
    statement: Statement = "stated"
    scope: str | None = None
    negated: bool = False
    code: Concept | None = None
    value: FactValue | None = None
    time: FactTime | None = None
    interpretation: tuple[Concept, ...] = ()
    ranges: tuple[ReferenceRange, ...] = ()
    method: Concept | None = None
    panel: Concept | None = None
    specimen: SpecimenDetail | None = None
    site: tuple[Concept, ...] = ()
    side: Concept | None = None
    certainty: Concept | None = None
    severity: Concept | None = None
    clinical_status: Concept | None = None
    relation: Concept | None = None
    reactions: tuple[Reaction, ...] = ()
    treatment: TreatmentDetail | None = None
    is_implant: bool = False
    parties: tuple[FactParty, ...] = ()
    comments: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def group(self) -> FactGroup:
        """The block in which the fact is stored."""
        return _GROUPS.get(self.kind, "summary")

    @property
    def is_positive(self) -> bool:
        """Whether it says that there is something: neither negated, nor none, nor unknown."""
        return self.statement == "stated" and not self.negated

    @property
    def is_planned(self) -> bool:
        """Whether it has not happened yet: planned, or prescribed."""
        return self.status in ("planned", "prescribed")


ExtractionOutcome = Literal["read", "in-part", "none", "unreadable"]
"""`none`: the document is readable and holds no fact. `in-part`: a limit ended the reading, and facts were read."""

UnreadableReason = Literal[
    "xml-invalid",
    "not-structured",
    "too-large",
    "too-deep",
    "too-many-elements",
    "time-limit",
    "other-patient",
    "identity-unchecked",
    "no-body",
]


class Extraction(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """The result of reading a document. `text_only`: statements that stand in it and are no fact here.

    `reason`: of `unreadable` and `in-part`, a code.
    """

    outcome: ExtractionOutcome
    facts: tuple[ClinicalFact, ...] = ()
    text_only: int = 0
    reason: UnreadableReason | None = None
    version: int = EXTRACTOR_VERSION
