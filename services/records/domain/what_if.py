"""What a change of rights or of a label would do, before it is done: the same rules, asked with changed facts.

Each reader that the record knows is imagined asking, and beside them one of each profession and of each emergency.
A professional is counted with the profession that the directory gives, and with none, who sees nothing, where they no
longer practise; one whom it does not know as a doctor, who may see most, which is said. Of a structure or a care team,
whose members nobody here knows, one doctor is imagined.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Literal
from uuid import UUID

from services.records.domain.choices import Choices
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import DocumentSummary
from services.records.domain.facts import FactCombination, Requester, combination_of, document_facts, record_facts
from shared.access import Permit, decide
from shared.contracts.base import Actor
from shared.terminology.professions import DOCTOR

PROFESSIONS = ("G15_10", "G15_21", "G15_40", "G15_50", "G15_60", "G15_70", "G15_80", "G15_91")
"""Those of which one is imagined, authorised by the person."""
IMAGINED_ID = "imagined"
ProfessionsById = Mapping[str, str | None]
"""National id -> profession (JDV_J65), of whom the directory knows; None: they do not practise (any more)."""
ReaderRole = Literal["professional", "structure", "care-team", "attending-doctor", "emergency", "profession"]


@dataclass(frozen=True, slots=True)
class RightsChange:
    """One change of rights that is supposed: a code of the access rules, and what it is about.

    `holder_id`: whom; `section`; the emergency choices, of which None stays as it is.
    """

    change: str
    holder_id: str | None = None
    section: str | None = None
    break_glass: bool | None = None
    regulation_centre: bool | None = None
    masked_documents: bool | None = None


@dataclass(frozen=True, slots=True)
class AuthoredFacts:
    """A combination of a document's facts, and who wrote it."""

    combination: FactCombination
    author_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ImaginedReader:
    """Somebody who might read."""

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
    newcomer: bool = False
    """Not known to the record: as if the person had authorised them."""
    assumed: bool = False
    """The directory here does not know them: taken for a doctor."""

    def names(self, record_id: UUID) -> bool:
        """In an emergency, the record that is asked about."""
        return self.mode != "normal"

    def actor(self) -> Actor:
        """As the ledger would have it."""
        return Actor(kind="professional", id=self.id)


@dataclass(frozen=True, slots=True)
class VisibilityEffect:
    """How many documents somebody sees before and after, and of how many each way that is.

    `profession`: with which they are counted; `assumed`: because theirs is not known here.
    """

    role: ReaderRole
    id: str
    before: int
    after: int
    lost: int
    gained: int
    profession: str | None = DOCTOR
    assumed: bool = False


def choices_after(choices: Choices, change: RightsChange) -> Choices:
    """The choices after one change."""
    holder = {change.holder_id} - {None}
    match change.change:
        case "block-professional":
            return replace(choices, blocked=choices.blocked | frozenset(str(id) for id in holder))
        case "unblock-professional":
            return replace(choices, blocked=choices.blocked - holder)
        case "end-authorisation" | "end-attestation":
            ends_attestation = change.change == "end-attestation"
            remaining = (
                grant
                for grant in choices.authorisations
                if grant["holder_id"] not in holder or (grant["how"] == "care-team") != ends_attestation
            )
            return replace(choices, authorisations=tuple(remaining))
        case "end-attending-doctor":
            return replace(choices, attending_doctors=choices.attending_doctors - holder)
        case "hide-section":
            return replace(choices, hidden_sections=choices.hidden_sections | frozenset({change.section or ""}))
        case "show-section":
            return replace(choices, hidden_sections=choices.hidden_sections - {change.section})
        case "object-to-care-team":
            return replace(choices, care_team_objected=True)
        case "withdraw-care-team-objection":
            return replace(choices, care_team_objected=False)
        case "choose-emergency-access":
            chosen = {
                "break_glass": change.break_glass,
                "regulation_centre": change.regulation_centre,
                "masked_documents": change.masked_documents,
            }
            update = {name: value for name, value in chosen.items() if value is not None}
            return replace(choices, emergency=choices.emergency.model_copy(update=update))
        case _:
            return choices


def named_professionals(choices: Choices, supposed: Iterable[RightsChange]) -> frozenset[str]:
    """The national ids of the professionals of whom the choices or the question speak as possible readers."""
    holders = frozenset(grant["holder_id"] for grant in choices.authorisations if not is_structure(grant["holder_id"]))
    return holders | choices.attending_doctors | professionals_in_question(supposed)


def professionals_in_question(supposed: Iterable[RightsChange]) -> frozenset[str]:
    """The professionals whose block, or the end of it, is supposed."""
    about = (
        holder_id.holder_id
        for holder_id in supposed
        if holder_id.change in ("block-professional", "unblock-professional")
    )
    return frozenset(holder_id for holder_id in about if holder_id is not None and not is_structure(holder_id))


def possible_readers(
    choices: Choices, professions: ProfessionsById, asked: frozenset[str] = frozenset()
) -> list[ImaginedReader]:
    """Everybody who may see something of the record now, or in an emergency, and one of each profession.

    `asked`: professionals of whom is asked: they may read as authors, or as staff of whatever structure may read.
    """
    readers: list[ImaginedReader] = []
    for holder_id, is_care_team in sorted(
        {(holder_id["holder_id"], holder_id["how"] == "care-team") for holder_id in choices.authorisations}
    ):
        if is_care_team:
            readers.append(ImaginedReader("care-team", IMAGINED_ID, organisation_id=holder_id))
        elif is_structure(holder_id):
            readers.append(ImaginedReader("structure", IMAGINED_ID, organisation_id=holder_id))
        else:
            readers.append(_professional("professional", holder_id, professions))
    readers += [
        _professional("attending-doctor", holder_id, professions) for holder_id in sorted(choices.attending_doctors)
    ]
    in_person = {holder_id.id for holder_id in readers}
    readers += [_professional("professional", holder_id, professions) for holder_id in sorted(asked - in_person)]
    readers += [
        ImaginedReader("emergency", IMAGINED_ID, mode=holder_id, motive="-")
        for holder_id in ("bris_de_glace", "centre_15")
    ]
    return readers + [
        ImaginedReader("profession", IMAGINED_ID, profession=holder_id, newcomer=True) for holder_id in PROFESSIONS
    ]


def _professional(role: ReaderRole, id: str, professions: ProfessionsById) -> ImaginedReader:
    return ImaginedReader(role, id, profession=professions.get(id, DOCTOR), assumed=id not in professions)


def is_structure(holder: str) -> bool:
    """Whether a national id is a structure's and not a person's (12 characters, 0 or 8 first)."""
    return not (len(holder) == 12 and holder[0] in "08" and holder.isdigit())


def visible_to(
    requester: Requester | ImaginedReader, record: RecordFacts, documents: Iterable[AuthoredFacts], now: datetime
) -> frozenset[AuthoredFacts]:
    """Which of these documents the rules let somebody find, were every copy young."""
    common = replace(record_facts(requester, "find", record, now=now, max_copy_age=timedelta(0)), copies_fresh=True)
    if isinstance(requester, ImaginedReader) and requester.newcomer:
        common = replace(common, authorisation="valid")
    visible = set()
    for document in documents:
        combination = replace(
            document.combination, is_own=requester.kind == "professional" and requester.id in document.author_ids
        )
        if isinstance(decide(document_facts(common, requester, record, combination)), Permit):
            visible.add(document)
    return frozenset(visible)


def _ways_to_read(reader: ImaginedReader, choices: Choices, asked: frozenset[str]) -> list[ImaginedReader]:
    """How somebody may come to read: of whom is asked, in person and as staff of each structure that may read.

    Who works where is not known here: what is counted of them is the most that they may see.
    """
    if reader.id not in asked:
        return [reader]
    structures = {grant["holder_id"] for grant in choices.authorisations if is_structure(grant["holder_id"])}
    return [reader, *(replace(reader, organisation_id=structure) for structure in sorted(structures))]


def visibility_effects(
    before: RecordFacts,
    supposed: Sequence[RightsChange],
    counted: Mapping[AuthoredFacts, int],
    moved: Mapping[UUID, tuple[AuthoredFacts, AuthoredFacts]],
    professions: ProfessionsById,
    now: datetime,
) -> list[VisibilityEffect]:
    """What becomes of everybody's view. `moved`: documents that would be others: what they are, what they would be."""
    after = replace(before, choices=reduce(choices_after, supposed, before.choices))
    asked = professionals_in_question(supposed)
    staying = Counter(counted)
    staying.subtract(was for was, _ in moved.values())
    kinds = {*counted, *(will_be for _, will_be in moved.values())}
    effects = []
    lasting = before.choices.without_expired(now)
    for reader in possible_readers(lasting, professions, asked):
        ways = _ways_to_read(reader, lasting, asked)
        old, new = (frozenset().union(*(visible_to(way, at, kinds, now) for way in ways)) for at in (before, after))
        pairs = [(kind, kind, number) for kind, number in staying.items()] + [(a, b, 1) for a, b in moved.values()]
        lost = sum(number for was, is_, number in pairs if was in old and is_ not in new)
        gained = sum(number for was, is_, number in pairs if was not in old and is_ in new)
        seen = sum(number for was, _, number in pairs if was in old)
        counts = (seen, seen - lost + gained, lost, gained)
        effects.append(VisibilityEffect(reader.role, _displayed_id(reader), *counts, reader.profession, reader.assumed))
    return effects


def authored_facts(summary: DocumentSummary, requester: Requester) -> AuthoredFacts:
    """What counts of one document, whoever asks."""
    return AuthoredFacts(replace(combination_of(summary, requester), is_own=False), summary.author_ids)


def _displayed_id(reader: ImaginedReader) -> str:
    """By what the person knows them."""
    if reader.role == "emergency":
        return reader.mode
    if reader.role == "profession":
        return reader.profession or ""
    return reader.organisation_id or reader.id
