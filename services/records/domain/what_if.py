"""Previews a change of rights or of a label: the same rules decide with the present and with the changed facts.

The readers are those that the record's choices name, and imagined ones: one of each common profession and of each
emergency. A professional is counted with the profession that the directory has; without one, and so seeing nothing,
where they no longer practise; and as a doctor, who may see most, where the directory does not know them (`assumed`).
The members of a structure or a care team are not known here: one doctor stands for them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal
from uuid import UUID

from services.records.domain.choices import Choices
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import DocumentSummary
from services.records.domain.facts import FactCombination, Requester, combination_of, document_facts, record_facts
from shared.access import Permit, decide
from shared.contracts.base import Actor
from shared.contracts.consent import EmergencyChoices
from shared.terminology.professions import DOCTOR

PROFESSIONS = ("G15_10", "G15_21", "G15_40", "G15_50", "G15_60", "G15_70", "G15_80", "G15_91")
"""The professions of each of which one reader is imagined, whom the patient has authorised."""
IMAGINED_ID = "imagined"
ProfessionsById = Mapping[str, str | None]
"""National id -> profession (JDV_J65) of those that the directory knows; None: does not practise (any more)."""
ReaderRole = Literal["professional", "structure", "care-team", "attending-doctor", "emergency", "profession"]


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
class AuthoredFacts:
    """The facts about a document that do not depend on the reader, and its authors."""

    combination: FactCombination
    author_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChangedFacts:
    """The facts about a document before and after the supposed changes."""

    before: AuthoredFacts
    after: AuthoredFacts


@dataclass(frozen=True, slots=True)
class ImaginedReader:
    """A possible reader; a `Requester` for the rules."""

    role: ReaderRole
    id: str
    profession: str | None = DOCTOR
    organisation_id: str | None = None
    mode: str = "normal"
    motive: str | None = None
    kind: str = "professional"
    client_id: str = IMAGINED_ID
    record_id: UUID | None = None
    session_id: UUID | None = None
    patient_present: UUID | None = None
    never: str | None = None
    is_newcomer: bool = False
    """The record's choices do not name this reader: supposed to be authorised by the patient."""
    assumed: bool = False
    """The directory does not know this reader: supposed to be a doctor."""

    @property
    def displayed_id(self) -> str:
        """The id by which the patient knows the reader: national id, emergency mode or profession."""
        if self.role == "emergency":
            return self.mode
        if self.role == "profession":
            return self.profession or ""
        return self.organisation_id or self.id

    def names(self, record_id: UUID) -> bool:
        """Returns whether the reader is in an emergency, which is always for the record in question."""
        return self.mode != "normal"

    def actor(self) -> Actor:
        """Returns the reader for the ledger."""
        return Actor(kind="professional", id=self.id)


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
        if authorisation["holder_id"] not in holder or _is_attestation(authorisation) != of_care_teams
    )
    return replace(choices, authorisations=tuple(remaining))


def _emergency_after(emergency: EmergencyChoices, change: RightsChange) -> EmergencyChoices:
    chosen = {
        "break_glass": change.break_glass,
        "regulation_centre": change.regulation_centre,
        "masked_documents": change.masked_documents,
    }
    return emergency.model_copy(update={name: value for name, value in chosen.items() if value is not None})


def _is_attestation(authorisation: Mapping[str, Any]) -> bool:
    """Returns whether a structure attested it of its care team, instead of the patient side granting it."""
    return bool(authorisation["how"] == "care-team")


def is_structure(national_id: str) -> bool:
    """Returns whether a national id is a structure's; a professional's has 12 digits and begins with 0 or 8."""
    return not (len(national_id) == 12 and national_id[0] in "08" and national_id.isdigit())


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


def possible_readers(
    choices: Choices, professions: ProfessionsById, in_question: frozenset[str] = frozenset()
) -> list[ImaginedReader]:
    """Returns those who may see documents of the record now or in an emergency, and one reader of each profession.

    `in_question`: further professionals, who may read as authors or as staff of a structure.
    """
    readers = [*_authorised_readers(choices, professions), *_attending_doctors(choices, professions)]
    others = sorted(in_question - {reader.id for reader in readers})
    return [
        *readers,
        *(_named_reader("professional", id, professions) for id in others),
        *(ImaginedReader("emergency", IMAGINED_ID, mode=mode, motive="-") for mode in ("bris_de_glace", "centre_15")),
        *(ImaginedReader("profession", IMAGINED_ID, profession=code, is_newcomer=True) for code in PROFESSIONS),
    ]


def _authorised_readers(choices: Choices, professions: ProfessionsById) -> Iterable[ImaginedReader]:
    holders = {(authorisation["holder_id"], _is_attestation(authorisation)) for authorisation in choices.authorisations}
    for holder_id, is_care_team in sorted(holders):
        if is_care_team:
            yield ImaginedReader("care-team", IMAGINED_ID, organisation_id=holder_id)
        elif is_structure(holder_id):
            yield ImaginedReader("structure", IMAGINED_ID, organisation_id=holder_id)
        else:
            yield _named_reader("professional", holder_id, professions)


def _attending_doctors(choices: Choices, professions: ProfessionsById) -> Iterable[ImaginedReader]:
    return (_named_reader("attending-doctor", id, professions) for id in sorted(choices.attending_doctors))


def _named_reader(role: ReaderRole, id: str, professions: ProfessionsById) -> ImaginedReader:
    return ImaginedReader(role, id, profession=professions.get(id, DOCTOR), assumed=id not in professions)


def visible_to(
    reader: Requester | ImaginedReader, record: RecordFacts, documents: Iterable[AuthoredFacts], now: datetime
) -> frozenset[AuthoredFacts]:
    """Returns which of these documents the rules let a reader find, supposing that every copy is fresh."""
    common = replace(record_facts(reader, "find", record, now=now, max_copy_age=timedelta(0)), copies_fresh=True)
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
        ways = _ways_to_read(reader, present_choices, in_question)
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


def _ways_to_read(reader: ImaginedReader, choices: Choices, in_question: frozenset[str]) -> list[ImaginedReader]:
    """Returns the reader in person, and for one in question also as staff of each structure that may read.

    It is not known here who works where: the most that a professional in question may see is counted.
    """
    if reader.id not in in_question:
        return [reader]
    holder_ids = {authorisation["holder_id"] for authorisation in choices.authorisations}
    structures = sorted(holder_id for holder_id in holder_ids if is_structure(holder_id))
    return [reader, *(replace(reader, organisation_id=structure) for structure in structures)]


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
