"""Builds facts out of statements: what all kinds have in common, and the marks that warn their readers."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.context import Context
from services.records.clinical_facts.domain.contradictions import contradicts
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    IMPOSSIBLE_DATE,
    SYSTEM_UNKNOWN,
    ClinicalFact,
    FactKind,
    FactSource,
    FactStatus,
)
from services.records.clinical_facts.domain.statements import Statement, Subordinates
from services.records.clinical_facts.domain.values import CodedValue, Concept, FactValue
from shared.terminology.clinical import AbsentStatement, absent_statement

_SIDE: Final = re.compile(r"\b(droite?|gauche|bilat[ée]ra\w*|left|right)\b", re.IGNORECASE)
_DONE: Final[dict[FactKind, FactStatus]] = {
    FactKind.RESULT: "performed",
    FactKind.BLOOD_GROUP: "performed",
    FactKind.MEASURE: "performed",
    FactKind.PROCEDURE: "performed",
    FactKind.VACCINATION: "given",
}
"""The status of what happened; of other kinds it is `stated`."""


class FactBuilder:
    """Builds the facts of a document version."""

    def __init__(self, version_id: UUID) -> None:
        self._version_id = version_id

    def build(self, statement: Statement, kind: FactKind, code: Concept, **parts: Any) -> ClinicalFact:
        """Returns the fact that a statement makes about `code`; `parts`: members of ClinicalFact.

        Codes that state absence make it a `none` or an `unknown`. The marks of `parts` stand before the general ones.
        """
        about = parts.pop("about", None) or Subordinates()
        value: FactValue | None = parts.get("value")
        parts.setdefault("time", statement.time())
        absent = _absent((code, parts.get("category")), value)
        words, marks = [*parts.pop("words", ()), code.text], list(parts.pop("marks", ()))
        if absent is None:
            marks += self._marks(statement, words, value, about)
        context = statement.context
        return ClinicalFact(
            id=fact_id(self._version_id, context.path, kind),
            kind=kind,
            source=self._source(statement),
            statement=absent or "stated",
            scope=context.section.title if absent is not None else None,
            negated=statement.negated,
            code=code,
            severity=about.severity,
            certainty=about.certainty,
            criticality=about.criticality,
            clinical_status=about.clinical_status,
            reason=about.reason,
            reactions=(*parts.pop("reactions", ()), *about.reactions),
            details=(*parts.pop("details", ()), *about.details),
            comments=tuple(about.comments),
            parties=statement.parties(),
            marks=tuple(dict.fromkeys(marks)) if absent is None else (),
            **parts,
        )

    def status(self, statement: Statement, kind: FactKind) -> FactStatus | None:
        """Returns the status of what is done; None where its mood states no fact (a goal, a criterion).

        In a plan everything is planned. Elsewhere an intention to treat is a prescription.
        """
        section = statement.context.section
        if not (statement.is_event or statement.is_planned):
            return None
        if section.is_plan:
            return "planned"
        if statement.is_planned:
            return "prescribed" if kind in (FactKind.TREATMENT, FactKind.DEVICE) else "planned"
        if kind is FactKind.TREATMENT and section.phase == "stay":
            return "given"
        return _DONE.get(kind, "stated")

    def by_side(self, fact: ClinicalFact, sites: tuple[Concept, ...]) -> Iterator[ClinicalFact]:
        """Yields the fact with its sites: once for each side where they are on several."""
        sides = [side_of(site) for site in sites]
        if len({side.label for side in sides if side is not None}) < 2:
            yield msgspec.structs.replace(
                fact, site=sites, side=next((side for side in sides if side is not None), None)
            )
            return
        for number, (site, side) in enumerate(zip(sites, sides, strict=True)):
            entry = f"{fact.source.entry}#{number}"
            id = fact_id(self._version_id, entry, fact.kind)
            source = msgspec.structs.replace(fact.source, entry=entry)
            yield msgspec.structs.replace(fact, id=id, source=source, site=(site,), side=side)

    def as_none(self, fact: ClinicalFact) -> ClinicalFact:
        """Returns the fact as the statement that there is nothing of the kind, within the scope of its section."""
        return msgspec.structs.replace(fact, statement="none", scope=fact.source.section_title)

    def _marks(
        self, statement: Statement, words: Iterable[str | None], value: FactValue | None, about: Subordinates
    ) -> Iterator[str]:
        has_consequence = about.reason is not None or any(not reaction.negated for reaction in about.reactions)
        if contradicts(words, value, negated=statement.negated) or (statement.negated and has_consequence):
            yield CODE_TEXT_DISAGREE
        if statement.reader.unknown_system:
            yield SYSTEM_UNKNOWN
        if statement.reader.impossible_date:
            yield IMPOSSIBLE_DATE

    def _source(self, statement: Statement) -> FactSource:
        context: Context = statement.context
        return FactSource(
            context.path,
            context.section.code,
            context.section.title,
            context.section.templates,
            tuple(sorted(statement.templates)),
            statement.ids(),
        )


def side_of(site: Concept) -> Concept | None:
    """Returns the side that a place on the body names, in a qualifier or in its own label; None for other places."""
    for qualifier in site.qualifiers:
        if qualifier.value is not None and _SIDE.search(qualifier.value.display or ""):
            return Concept(qualifier.value)
    match = _SIDE.search(site.label or "")
    return Concept(text=match[0].lower()) if match is not None else None


def _absent(concepts: Iterable[Concept | None], value: FactValue | None) -> AbsentStatement | None:
    """Returns what the codes say where one of them states absence, wherever it stands."""
    values = value.concepts if isinstance(value, CodedValue) else ()
    for concept in (*concepts, *values):
        for coding in concept.codings if concept is not None else ():
            statement = absent_statement(coding.code, coding.system)
            if statement is not None:
                return statement
    return None
