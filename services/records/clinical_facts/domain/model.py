"""A clinical fact, and the result of reading a document.

Source of the shapes: CI-SIS "Modèles de contenus CDA" (ANS), HL7 CDA R2.
"""

from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.values import (
    BooleanValue,
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
}


def group_of(kind: FactKind) -> FactGroup:
    """Returns the group in which facts of this kind are stored."""
    return _GROUPS.get(kind, "summary")


FactStatus = Literal["planned", "prescribed", "recommended", "dispensed", "performed", "given", "stated"]
"""`stated`: it holds and nothing is done, as a problem. `performed`: done or measured. `given`: administered.

Which of them, the document's section and the entry decide; a statusCode `completed` never means that it was stopped.
"""

Phase = Literal["admission", "stay", "discharge"]

Statement = Literal["stated", "none", "unknown"]
"""`none`: the author codes that there is nothing of the kind, within a scope. `unknown`: that it is not known.

Neither is a positive fact, and neither closes or contradicts one.
"""

_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
"""Certainties (HL7 condition-ver-status) that leave nothing of a statement."""

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
    """What an allergen or an adverse effect caused; `negated`: what it did not cause."""

    manifestation: Concept
    severity: Concept | None = None
    negated: bool = False


class FactDetail(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A statement about the fact itself, such as a device's serial number or the outcome of an adverse effect."""

    code: Concept
    value: FactValue | None = None
    negated: bool = False


class Ingredient(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """An active ingredient of a medicine, with its quantity in the medicine."""

    substance: Concept
    strength: QuantityRatio | None = None


class Frequency(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """When a treatment is taken: every `period`, or at an event (HL7 TimingEvent, such as ACM), or in words."""

    period: Quantity | None = None
    event: str | None = None
    words: str | None = None


class Posology(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A step of taking a treatment. `during`, `lasting`: when a step of several applies. `highest`: the dose not to
    exceed."""

    during: FactTime | None = None
    lasting: Quantity | None = None
    dose: Quantity | QuantityRange | None = None
    dose_words: str | None = None
    rate: Quantity | QuantityRange | None = None
    frequency: tuple[Frequency, ...] = ()
    highest: QuantityRatio | None = None


class TreatmentDetail(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """What a treatment or a vaccination has besides its product, which is the fact's `code`."""

    ingredients: tuple[Ingredient, ...] = ()
    posology: tuple[Posology, ...] = ()
    instructions: tuple[str, ...] = ()
    route: Concept | None = None
    form: Concept | None = None
    lot: str | None = None
    dose_number: str | None = None
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

    `code`: the analysis, the problem, the allergen, the medicine, the act, the device. `category`: the kind of problem,
    allergy or vaccination (diagnosis, food allergy, booster). `value`: the result, or the answer to a question.
    `negated`: its own negationInd; a `value` that is false negates too, see `is_positive`. `scope`: of a `none`, the
    title of its section ("Allergies identifiées pendant le séjour"). `phase`: of a treatment, of which part of a stay.
    `panel`: the group of analyses. `relation`: of family history, whose it is. `is_implant`: by the table of implants.
    """

    id: UUID
    kind: FactKind
    source: FactSource
    status: FactStatus = "stated"
    statement: Statement = "stated"
    scope: str | None = None
    negated: bool = False
    phase: Phase | None = None
    code: Concept | None = None
    category: Concept | None = None
    value: FactValue | None = None
    time: FactTime | None = None
    reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    ranges: tuple[ReferenceRange, ...] = ()
    method: Concept | None = None
    panel: Concept | None = None
    specimen: SpecimenDetail | None = None
    site: tuple[Concept, ...] = ()
    side: Concept | None = None
    certainty: Concept | None = None
    severity: Concept | None = None
    criticality: Concept | None = None
    clinical_status: Concept | None = None
    relation: Concept | None = None
    reactions: tuple[Reaction, ...] = ()
    treatment: TreatmentDetail | None = None
    details: tuple[FactDetail, ...] = ()
    is_implant: bool = False
    parties: tuple[FactParty, ...] = ()
    comments: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def group(self) -> FactGroup:
        """The block in which the fact is stored."""
        return group_of(self.kind)

    @property
    def is_positive(self) -> bool:
        """Whether it says that there is something: not negated, answered by no, refuted, none or unknown."""
        if self.negated or self.statement != "stated":
            return False
        is_false = isinstance(self.value, BooleanValue) and not self.value.value
        return not (is_false or self.is_refuted)

    @property
    def is_refuted(self) -> bool:
        """Whether its certainty leaves nothing of it."""
        return self.certainty is not None and any(coding.code in _REFUTED for coding in self.certainty.codings)

    @property
    def is_planned(self) -> bool:
        """Whether it need not have happened: planned, prescribed or recommended."""
        return self.status in ("planned", "prescribed", "recommended")


ExtractionOutcome = Literal["read", "in-part", "none", "unreadable"]
"""`none`: the document is readable and holds no fact. `in-part`: a limit ended the reading, and facts were read."""

UnreadableReason = Literal[
    "xml-invalid",
    "not-structured",
    "too-large",
    "too-deep",
    "too-many-elements",
    "too-many-facts",
    "time-limit",
    "other-patient",
    "reimbursements",
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
