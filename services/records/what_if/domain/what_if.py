"""Previews a change of rights or of a label: the same rules decide with the present and with the changed facts.

The documents are counted for each possible reader (`domain.readers`), by the facts that they have.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from uuid import UUID

from services.records.copies.domain.choices import Choices
from services.records.copies.domain.copies import ProfessionsById, RecordFacts
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import AuthoredFacts, Requester, combination_of, document_facts, record_facts
from services.records.facts.domain.rules import FactsRules
from services.records.what_if.domain.readers import (
    ImaginedReader,
    ReaderRole,
    is_attestation,
    is_structure,
    possible_readers,
    ways_to_read,
)
from shared.access import Permit, decide
from shared.contracts.consent import EmergencyChoices
from shared.terminology.professions import DOCTOR

_RULES = FactsRules(max_copy_age=timedelta(0))


@dataclass(frozen=True, slots=True)
class RightsChange:
    """A supposed change of rights: a code of the access rules, and what it concerns.

    `holder_id`: the professional or structure. The emergency choices: None leaves one unchanged.
    """

    change: str
    holder_id: str | None = None
    section: str | None = None
    break_glass: bool | None = None
    regulation_centre: bool | None = None
    masked_documents: bool | None = None


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A supposed change of a document's label: a code of the access rules."""

    document_id: UUID
    change: str


@dataclass(frozen=True, slots=True)
class ChangedFacts:
    """The facts about a document before and after the supposed changes."""

    before: AuthoredFacts
    after: AuthoredFacts


@dataclass(frozen=True, slots=True)
class VisibilityEffect:
    """How many documents a reader sees before and after, and how many of them are lost and gained.

    `profession`: of the count; `assumed`: the directory does not know the reader, who is counted as a doctor.
    """

    role: ReaderRole
    id: str
    before: int
    after: int
    lost: int
    gained: int
    profession: str | None = DOCTOR
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class _CountedChange:
    """How many documents have these facts before and after."""

    before: AuthoredFacts
    after: AuthoredFacts
    documents: int


def choices_after(choices: Choices, change: RightsChange) -> Choices:
    """Returns the patient's choices after one change."""
    holder = frozenset() if change.holder_id is None else frozenset({change.holder_id})
    match change.change:
        case "block-professional":
            return replace(choices, blocked=choices.blocked | holder)
        case "unblock-professional":
            return replace(choices, blocked=choices.blocked - holder)
        case "end-authorisation" | "end-attestation":
            return _without_authorisations(choices, holder, of_care_teams=change.change == "end-attestation")
        case "end-attending-doctor":
            return replace(choices, attending_doctors=choices.attending_doctors - holder)
        case "hide-section":
            return replace(choices, hidden_sections=choices.hidden_sections | {change.section or ""})
        case "show-section":
            return replace(choices, hidden_sections=choices.hidden_sections - {change.section})
        case "object-to-care-team":
            return replace(choices, care_team_objected=True)
        case "withdraw-care-team-objection":
            return replace(choices, care_team_objected=False)
        case "choose-emergency-access":
            return replace(choices, emergency=_emergency_after(choices.emergency, change))
        case _:
            return choices


def _without_authorisations(choices: Choices, holder: frozenset[str], *, of_care_teams: bool) -> Choices:
    remaining = (
        authorisation
        for authorisation in choices.authorisations
        if authorisation["holder_id"] not in holder or is_attestation(authorisation) != of_care_teams
    )
    return replace(choices, authorisations=tuple(remaining))


def _emergency_after(emergency: EmergencyChoices, change: RightsChange) -> EmergencyChoices:
    chosen = {
        "break_glass": change.break_glass,
        "regulation_centre": change.regulation_centre,
        "masked_documents": change.masked_documents,
    }
    return emergency.model_copy(update={name: value for name, value in chosen.items() if value is not None})


def named_professionals(choices: Choices, changes: Iterable[RightsChange]) -> frozenset[str]:
    """Returns the national ids of the professionals that the choices or the changes name as possible readers."""
    holder_ids = {authorisation["holder_id"] for authorisation in choices.authorisations}
    authorised = frozenset(holder_id for holder_id in holder_ids if not is_structure(holder_id))
    return authorised | choices.attending_doctors | professionals_in_question(changes)


def professionals_in_question(changes: Iterable[RightsChange]) -> frozenset[str]:
    """Returns the national ids of the professionals whom the changes would block or unblock."""
    holder_ids = {
        change.holder_id for change in changes if change.change in ("block-professional", "unblock-professional")
    }
    return frozenset(holder_id for holder_id in holder_ids if holder_id is not None and not is_structure(holder_id))


def visible_to(
    reader: Requester | ImaginedReader, record: RecordFacts, documents: Iterable[AuthoredFacts], now: datetime
) -> frozenset[AuthoredFacts]:
    """Returns which of these documents the rules let a reader find, supposing that every copy is fresh."""
    common = replace(record_facts(reader, "find", record, now=now, rules=_RULES), copies_fresh=True)
    if isinstance(reader, ImaginedReader) and reader.is_newcomer:
        common = replace(common, authorisation="valid")
    visible = set()
    for document in documents:
        is_author = reader.kind == "professional" and reader.id in document.author_ids
        combination = replace(document.combination, is_own=is_author)
        if isinstance(decide(document_facts(common, reader, record, combination)), Permit):
            visible.add(document)
    return frozenset(visible)


def visibility_effects(
    before: RecordFacts,
    changes: Sequence[RightsChange],
    counts: Mapping[AuthoredFacts, int],
    changed_documents: Mapping[UUID, ChangedFacts],
    professions: ProfessionsById,
    now: datetime,
) -> list[VisibilityEffect]:
    """Returns what each possible reader would lose and gain.

    `before`: the present facts of the record. `counts`: how many documents have which facts. `changed_documents`: those
    of them whose facts the changes of labels affect.
    """
    after = replace(before, choices=reduce(choices_after, changes, before.choices))
    present_choices = before.choices.without_expired(now)
    in_question = professionals_in_question(changes)
    documents = _counted_changes(counts, changed_documents)
    kinds = {*counts, *(document.after for document in changed_documents.values())}
    effects = []
    for reader in possible_readers(present_choices, professions, in_question):
        ways = ways_to_read(reader, present_choices, in_question)
        seen_before = _visible_in_any_way(ways, before, kinds, now)
        seen_after = _visible_in_any_way(ways, after, kinds, now)
        effects.append(_effect_on(reader, documents, seen_before, seen_after))
    return effects


def _counted_changes(
    counts: Mapping[AuthoredFacts, int], changed_documents: Mapping[UUID, ChangedFacts]
) -> list[_CountedChange]:
    unchanged = Counter(counts)
    unchanged.subtract(document.before for document in changed_documents.values())
    return [
        *(_CountedChange(facts, facts, number) for facts, number in unchanged.items()),
        *(_CountedChange(document.before, document.after, 1) for document in changed_documents.values()),
    ]


def _visible_in_any_way(
    ways: Sequence[ImaginedReader], record: RecordFacts, documents: Iterable[AuthoredFacts], now: datetime
) -> frozenset[AuthoredFacts]:
    return frozenset[AuthoredFacts]().union(*(visible_to(way, record, documents, now) for way in ways))


def _effect_on(
    reader: ImaginedReader,
    documents: Sequence[_CountedChange],
    seen_before: frozenset[AuthoredFacts],
    seen_after: frozenset[AuthoredFacts],
) -> VisibilityEffect:
    before = lost = gained = 0
    for document in documents:
        was_seen, is_seen = document.before in seen_before, document.after in seen_after
        before += document.documents if was_seen else 0
        lost += document.documents if was_seen and not is_seen else 0
        gained += document.documents if is_seen and not was_seen else 0
    return VisibilityEffect(
        role=reader.role,
        id=reader.displayed_id,
        before=before,
        after=before - lost + gained,
        lost=lost,
        gained=gained,
        profession=reader.profession,
        assumed=reader.assumed,
    )


def authored_facts(summary: DocumentSummary, requester: Requester) -> AuthoredFacts:
    """Returns the facts about one document that do not depend on the reader."""
    return AuthoredFacts(replace(combination_of(summary, requester), is_own=False), summary.author_ids)
