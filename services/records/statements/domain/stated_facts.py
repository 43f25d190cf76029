"""Statements of the patient side as clinical facts, so that a sheet and a check of a prescription read them as such.

A statement stays what it is: its document says who declares it, and no rule lets it confirm, contradict or certify
anything. What is said of organ donation is no value: that there is a wish is the fact.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import (
    NAMES_DISAGREE,
    SYSTEM_UNKNOWN,
    ClinicalFact,
    FactKind,
    FactSource,
)
from services.records.clinical_facts.domain.values import CodedValue, Coding, Concept, FactTime, TextValue
from services.records.facts.domain.documents import DepositorKind
from services.records.statements.domain.statements import PatientStatement
from shared.access.personal_space import ENTRY_TYPES
from shared.terminology.clinical import code_systems
from shared.terminology.statements import ORGAN_DONATION, statement_kinds

STATING_TYPES: Final = frozenset(ENTRY_TYPES[form] for form in ("health-profile", "wishes", "directives"))
"""The types of documents that may state a fact; a note is words alone."""
_KINDS: Final[dict[str, FactKind]] = {
    "allergy": FactKind.ALLERGY,
    "disease": FactKind.PROBLEM,
    "hospitalisation": FactKind.PROBLEM,
    "disability": FactKind.PROBLEM,
    "treatment": FactKind.TREATMENT,
    "surgery": FactKind.PROCEDURE,
    "implant": FactKind.DEVICE,
    "pregnancy": FactKind.PREGNANCY,
    "vaccination": FactKind.VACCINATION,
    ORGAN_DONATION: FactKind.DIRECTIVE,
}
"""Family history and the way of life are on no sheet; the other wishes and the directives are their whole document."""
_NAMED: Final = frozenset({"hospitalisation", "disability"})
"""Kinds of statement that are named beside their text, because the kind of fact does not say it."""
_EVENTS: Final = frozenset({"surgery", "vaccination"})
"""What happened at a moment, unless the statement says until when."""
_PLACE: Final = "directive-place"


def may_state_facts(document_type: str, deposited_by: DepositorKind) -> bool:
    """Returns whether a document may hold statements that are facts."""
    return document_type in STATING_TYPES and deposited_by != "organisation"


def stated_facts_of(document_id: UUID, statements: Iterable[PatientStatement]) -> Iterator[ClinicalFact]:
    """Yields the facts of a document's statements, in their order."""
    for number, statement in enumerate(statements):
        kind = _KINDS.get(statement.kind)
        if kind is not None:
            yield _fact(document_id, f"statement/{number}", kind, statement)


def place_of_directives(statements: Iterable[PatientStatement]) -> str | None:
    """Returns where the advance directives are kept, in the words of the patient side; None where none says so."""
    places = dict.fromkeys(statement.text for statement in statements if statement.kind == _PLACE and statement.text)
    return " ; ".join(places) or None


def _fact(document_id: UUID, entry: str, kind: FactKind, statement: PatientStatement) -> ClinicalFact:
    label = Concept(text=statement_kinds()[statement.kind].label_fr)
    stated, marks = _code(statement) if kind is not FactKind.DIRECTIVE else (label, ())
    is_answer = kind is FactKind.PREGNANCY
    return ClinicalFact(
        id=fact_id(document_id, entry, kind),
        kind=kind,
        source=FactSource(entry),
        code=label if is_answer else stated,
        category=label if statement.kind in _NAMED else None,
        value=_answer(stated) if is_answer else None,
        time=_time(statement),
        is_implant=kind is FactKind.DEVICE,
        marks=marks,
    )


def _answer(concept: Concept) -> CodedValue | TextValue:
    return TextValue(concept.text or "") if concept.coding is None else CodedValue((concept,))


def _code(statement: PatientStatement) -> tuple[Concept, tuple[str, ...]]:
    """Returns the words with their code, and the marks of both. Neither hides the other.

    The label of a code is left out where the words say it and more.
    """
    code, words = statement.code, statement.text or ""
    if code is None:
        return Concept(text=words), ()
    if code.system not in code_systems():
        return Concept(text=words), (SYSTEM_UNKNOWN,)
    label, text = (code.display or "").casefold(), words.casefold()
    if label in text:
        return Concept(Coding(code.code, code.system), text=words), ()
    marks = () if text in label else (NAMES_DISAGREE,)
    return Concept(Coding(code.code, code.system, code.display), text=words), marks


def _time(statement: PatientStatement) -> FactTime | None:
    since, until = statement.since, statement.until
    if since is None and until is None:
        return None
    is_moment = statement.kind in _EVENTS and until is None
    return FactTime(at=since) if is_moment else FactTime(start=since, end=until)
