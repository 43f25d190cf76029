"""A line of the sheet in words: what it says, how sure it is, and where it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    NAMES_DISAGREE,
    ClinicalFact,
    FactKind,
    TreatmentDetail,
)
from services.records.clinical_facts.domain.values import Concept
from services.records.summary.domain.sheet import CitedDocument, LineDecision, PersonToCall, SummaryLine
from services.records.summary.domain.values_in_words import (
    amount_in_words,
    ingredient_in_words,
    labels,
    posology_in_words,
    time_in_words,
    value_in_words,
)
from services.records.summary.domain.words import Words
from shared.values import RedactedRepr

_ACTS: Final = frozenset({FactKind.TREATMENT, FactKind.VACCINATION, FactKind.PROCEDURE, FactKind.DEVICE})
_DATED: Final = _ACTS | {FactKind.BLOOD_GROUP}
"""Kinds whose missing date is stated as such."""
_STATUSES: Final = frozenset({"planned", "prescribed", "recommended", "dispensed", "given"})
"""Statuses that are stated, unless the fact is negated: what was not done was not given either."""
_FRANCE: Final = "+33"
_FRENCH_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, repr=False)
class LineWords(RedactedRepr):
    """A line in words. `salient`: what is read first beside the label; `details`: the rest.

    `state`, `sources`, `warnings`: how far to trust it. `phone`: of a person to call, whose `line` is None; `dial`: the
    number in E.164.
    """

    label: str
    salient: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    phone: str | None = None
    dial: str | None = None
    line: SummaryLine | None = None

    @property
    def has_document_label(self) -> bool:
        """Whether the label is a document's own words, without any of the sheet's before them."""
        fact = self.line.fact if self.line is not None else None
        return fact is not None and fact.is_positive and fact.value is None

    @property
    def all(self) -> tuple[str, ...]:
        """Every text of the line, in the order in which formats write them."""
        phone = (self.phone,) if self.phone is not None else ()
        return (self.label, *self.salient, *phone, *self.warnings, *self.details, *self.state, *self.sources)


def line_in_words(line: SummaryLine, words: Words) -> LineWords:
    """Returns the words of a line."""
    fact = line.fact
    return LineWords(
        label=label_of(fact, words),
        salient=tuple(_salient(line, words)),
        details=tuple(_details(fact, words)),
        state=tuple(_state(line, words)),
        sources=tuple(_source(source, words) for source in line.sources),
        warnings=tuple(_warnings(line, words)),
        line=line,
    )


def person_in_words(person: PersonToCall, words: Words) -> LineWords:
    """Returns the words of a person to call."""
    return LineWords(
        person.name, (words(f"role-{person.role}"), person.relation), phone=_readable(person.phone), dial=person.phone
    )


def label_of(fact: ClinicalFact, words: Words) -> str:
    """Returns what a fact says first; what is not there begins with the words that say so."""
    if fact.statement != "stated":
        return words(fact.statement)
    label = (fact.code.label if fact.code is not None else None) or words("unnamed")
    if fact.value is not None and fact.kind is not FactKind.DIRECTIVE:
        label = words("answer", label=label, value=value_in_words(fact.value, words))
    if fact.negated:
        return words("not-done" if fact.kind in _ACTS else "negated", label=label)
    return words("refuted", label=label) if fact.is_refuted else label


def _readable(phone: str) -> str:
    """Returns a French number as it is said, in pairs; other ones as they are (E.164)."""
    digits = f"0{phone.removeprefix(_FRANCE)}"
    if not phone.startswith(_FRANCE) or len(digits) != _FRENCH_DIGITS:
        return phone
    return "\u00a0".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def _salient(line: SummaryLine, words: Words) -> Iterator[str]:
    fact = line.fact
    if fact.statement != "stated":
        yield from _absence(fact, words)
    if fact.status in _STATUSES and not fact.negated:
        yield words(f"status-{fact.status}")
    if fact.phase is not None:
        yield words(f"phase-{fact.phase}")
    for reaction in fact.reactions:
        name = "reaction-absent" if reaction.negated else "reaction"
        yield words(name, text=", ".join(labels(reaction.manifestation, reaction.severity)))
    yield from _named("severity", fact.severity, words)
    yield from _named("criticality", fact.criticality, words)
    if fact.treatment is not None:
        yield from _taking(fact.treatment, words)
    time = time_in_words(fact.time, words)
    if time or (fact.kind in _DATED and fact.statement == "stated"):
        yield time or words("date-unknown")
    if fact.kind is FactKind.BLOOD_GROUP:
        yield from _laboratories(fact, words)
    if fact.kind is FactKind.DIRECTIVE:
        yield from _place(line, words)


def _laboratories(fact: ClinicalFact, words: Words) -> Iterator[str]:
    for party in fact.parties:
        if party.role == "laboratory" and (party.organisation or party.name):
            yield words("laboratory", text=party.organisation or party.name)


def _place(line: SummaryLine, words: Words) -> Iterator[str]:
    if line.fact.is_positive:
        yield words("exists")
    if line.where is not None:
        yield words("kept", where=line.where)


def _absence(fact: ClinicalFact, words: Words) -> Iterator[str]:
    if fact.scope is not None:
        yield words("scope", scope=fact.scope)
    for label in labels(fact.code):
        yield words("document-text", text=label)


def _taking(treatment: TreatmentDetail, words: Words) -> Iterator[str]:
    yield from (text for posology in treatment.posology if (text := posology_in_words(posology, words)))
    yield from treatment.instructions
    if treatment.dose_number is not None:
        yield words("dose-number", text=treatment.dose_number)


def _details(fact: ClinicalFact, words: Words) -> Iterator[str]:
    yield from _names(fact, words)
    yield from _named("category", fact.category, words)
    if fact.treatment is not None:
        yield from _product(fact.treatment, words)
    for name, concepts in (("site", fact.site), ("interpretation", fact.interpretation)):
        for concept in concepts:
            yield from _named(name, concept, words)
    yield from _named("side", fact.side, words)
    yield from _named("certainty", fact.certainty, words)
    yield from _named("clinical-status", fact.clinical_status, words)
    yield from _named("reason", fact.reason, words)
    yield from _named("method", fact.method, words)
    if fact.kind is not FactKind.DIRECTIVE:
        for detail in fact.details:
            label = detail.code.label or words("unnamed")
            value = value_in_words(detail.value, words) if detail.value is not None else None
            shown = label if value is None else words("answer", label=label, value=value)
            yield words("negated", label=shown) if detail.negated else shown
        yield from (words("comment", text=comment) for comment in fact.comments)


def _names(fact: ClinicalFact, words: Words) -> Iterator[str]:
    """Yields the author's words where they disagree with the code, and every name where names disagree."""
    code = fact.code
    if code is None:
        return
    if CODE_TEXT_DISAGREE in fact.marks and code.text and code.text != code.label:
        yield words("document-text", text=code.text)
    if NAMES_DISAGREE in fact.marks:
        names = dict.fromkeys(name for name in (*(coding.display for coding in code.codings), code.text) if name)
        yield words("document-names", text=" ; ".join(names))


def _product(treatment: TreatmentDetail, words: Words) -> Iterator[str]:
    for ingredient in treatment.ingredients:
        yield words("substance", text=ingredient_in_words(ingredient, words))
    yield from _named("form", treatment.form, words)
    yield from _named("route", treatment.route, words)
    if treatment.quantity is not None:
        yield words("quantity", text=amount_in_words(treatment.quantity, words))
    for name, text in (
        ("refills", treatment.refills),
        ("lot", treatment.lot),
        ("manufacturer", treatment.manufacturer),
    ):
        if text is not None:
            yield words(name, text=text)


def _state(line: SummaryLine, words: Words) -> Iterator[str]:
    if line.state == "proposed" or not line.decisions:
        yield words(line.state)
    yield from (_decision(decision, words) for decision in line.decisions)
    if line.origin == "doctor":
        yield words("stated-by-doctor")
    declaration = line.declaration
    if declaration is not None:
        declared = words(f"declared-by-{declaration.role}", day=words.day_of(declaration.at))
        yield f"{declared}, {declaration.name}" if declaration.name else declared
    elif line.origin == "patient-side":
        yield words("declared")


def _decision(decision: LineDecision, words: Words) -> str:
    if decision.action == "rejected":
        text = words("rejected-by", doctor=decision.doctor, day=words.day_of(decision.at))
        return f"{text}, {words('rejected-reason', reason=decision.reason)}" if decision.reason else text
    if decision.until is not None:
        return words("confirmed-until", doctor=decision.doctor, day=words.day_of(decision.until))
    return words("confirmed-by", doctor=decision.doctor, day=words.day_of(decision.at))


def _source(source: CitedDocument, words: Words) -> str:
    parts = [source.title or words("source-untitled"), source.author, source.organisation]
    if source.day is not None:
        parts.append(words.day(source.day))
    if source.section is not None:
        parts.append(words("source-section", section=source.section))
    return ", ".join(part for part in parts if part)


def _warnings(line: SummaryLine, words: Words) -> Iterator[str]:
    if line.conflict is not None:
        yield words("conflict", number=line.conflict)
    if line.is_old:
        yield words("old")
    yield from (words(mark) if words.has(mark) else mark for mark in line.fact.marks)


def _named(name: str, concept: Concept | None, words: Words) -> Iterator[str]:
    yield from (words(name, text=label) for label in labels(concept))
