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
from services.records.domain.documents import Head
from services.records.domain.facts import Asker, Combination, combination_of, document_facts, record_facts
from shared.access import Permit, decide
from shared.contracts.base import Actor
from shared.terminology.professions import DOCTOR

PROFESSIONS = ("G15_10", "G15_21", "G15_40", "G15_50", "G15_60", "G15_70", "G15_80", "G15_91")
"""Those of which one is imagined, authorised by the person."""
NEWCOMER = "imagined"
Known = Mapping[str, str | None]
"""National id -> profession (JDV_J65), of whom the directory knows; None: they do not practise (any more)."""
Who = Literal["professional", "structure", "care-team", "attending-doctor", "emergency", "profession"]


@dataclass(frozen=True, slots=True)
class Supposed:
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
class Written:
    """A combination of a document's facts, and who wrote it."""

    combination: Combination
    author_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Imagined:
    """Somebody who might read."""

    who: Who
    id: str
    profession: str | None = DOCTOR
    organisation_id: str | None = None
    mode: str = "normal"
    motive: str | None = None
    kind: str = "professional"
    client_id: str = NEWCOMER
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
class Effect:
    """How many documents somebody sees before and after, and of how many each way that is.

    `profession`: with which they are counted; `assumed`: because theirs is not known here.
    """

    who: Who
    id: str
    before: int
    after: int
    lost: int
    gained: int
    profession: str | None = DOCTOR
    assumed: bool = False


def supposed_choices(choices: Choices, one: Supposed) -> Choices:
    """The choices after one change."""
    holder = {one.holder_id} - {None}
    match one.change:
        case "block-professional":
            return replace(choices, blocked=choices.blocked | frozenset(str(id) for id in holder))
        case "unblock-professional":
            return replace(choices, blocked=choices.blocked - holder)
        case "end-authorisation" | "end-attestation":
            team = one.change == "end-attestation"
            kept = (
                a for a in choices.authorisations if a["holder_id"] not in holder or (a["how"] == "care-team") != team
            )
            return replace(choices, authorisations=tuple(kept))
        case "end-attending-doctor":
            return replace(choices, attending_doctors=choices.attending_doctors - holder)
        case "hide-section":
            return replace(choices, hidden_sections=choices.hidden_sections | frozenset({one.section or ""}))
        case "show-section":
            return replace(choices, hidden_sections=choices.hidden_sections - {one.section})
        case "object-to-care-team":
            return replace(choices, care_team_objected=True)
        case "withdraw-care-team-objection":
            return replace(choices, care_team_objected=False)
        case "choose-emergency-access":
            told = {
                "break_glass": one.break_glass,
                "regulation_centre": one.regulation_centre,
                "masked_documents": one.masked_documents,
            }
            update = {name: value for name, value in told.items() if value is not None}
            return replace(choices, emergency=choices.emergency.model_copy(update=update))
        case _:
            return choices


def named_professionals(choices: Choices, supposed: Iterable[Supposed]) -> frozenset[str]:
    """The national ids of the professionals of whom the choices or the question speak as possible readers."""
    holders = frozenset(one["holder_id"] for one in choices.authorisations if not is_structure(one["holder_id"]))
    return holders | choices.attending_doctors | asked_about(supposed)


def asked_about(supposed: Iterable[Supposed]) -> frozenset[str]:
    """The professionals whose block, or the end of it, is supposed."""
    about = (one.holder_id for one in supposed if one.change in ("block-professional", "unblock-professional"))
    return frozenset(one for one in about if one is not None and not is_structure(one))


def audience(choices: Choices, known: Known, asked: frozenset[str] = frozenset()) -> list[Imagined]:
    """Everybody who may see something of the record now, or in an emergency, and one of each profession.

    `asked`: professionals of whom is asked: they may read as authors, or as staff of whatever structure may read.
    """
    found: list[Imagined] = []
    for holder, how in sorted({(one["holder_id"], one["how"] == "care-team") for one in choices.authorisations}):
        if how:
            found.append(Imagined("care-team", NEWCOMER, organisation_id=holder))
        elif is_structure(holder):
            found.append(Imagined("structure", NEWCOMER, organisation_id=holder))
        else:
            found.append(_professional("professional", holder, known))
    found += [_professional("attending-doctor", one, known) for one in sorted(choices.attending_doctors)]
    in_person = {one.id for one in found}
    found += [_professional("professional", one, known) for one in sorted(asked - in_person)]
    found += [Imagined("emergency", NEWCOMER, mode=one, motive="-") for one in ("bris_de_glace", "centre_15")]
    return found + [Imagined("profession", NEWCOMER, profession=one, newcomer=True) for one in PROFESSIONS]


def _professional(who: Who, id: str, known: Known) -> Imagined:
    return Imagined(who, id, profession=known.get(id, DOCTOR), assumed=id not in known)


def is_structure(holder: str) -> bool:
    """Whether a national id is a structure's and not a person's (12 characters, 0 or 8 first)."""
    return not (len(holder) == 12 and holder[0] in "08" and holder.isdigit())


def seen_by(
    asker: Asker | Imagined, record: RecordFacts, documents: Iterable[Written], now: datetime
) -> frozenset[Written]:
    """Which of these documents the rules let somebody find, were every copy young."""
    common = replace(record_facts(asker, "find", record, now=now, limit=timedelta(0)), copies_fresh=True)
    if isinstance(asker, Imagined) and asker.newcomer:
        common = replace(common, authorisation="valid")
    found = set()
    for one in documents:
        combination = replace(one.combination, mine=asker.kind == "professional" and asker.id in one.author_ids)
        if isinstance(decide(document_facts(common, asker, record, combination)), Permit):
            found.add(one)
    return frozenset(found)


def _ways(one: Imagined, choices: Choices, asked: frozenset[str]) -> list[Imagined]:
    """How somebody may come to read: of whom is asked, in person and as staff of each structure that may read.

    Who works where is not known here: what is counted of them is the most that they may see.
    """
    if one.id not in asked:
        return [one]
    structures = {a["holder_id"] for a in choices.authorisations if is_structure(a["holder_id"])}
    return [one, *(replace(one, organisation_id=structure) for structure in sorted(structures))]


def effects(
    before: RecordFacts,
    supposed: Sequence[Supposed],
    counted: Mapping[Written, int],
    moved: Mapping[UUID, tuple[Written, Written]],
    known: Known,
    now: datetime,
) -> list[Effect]:
    """What becomes of everybody's view. `moved`: documents that would be others: what they are, what they would be."""
    after = replace(before, choices=reduce(supposed_choices, supposed, before.choices))
    asked = asked_about(supposed)
    staying = Counter(counted)
    staying.subtract(was for was, _ in moved.values())
    kinds = {*counted, *(will_be for _, will_be in moved.values())}
    found = []
    lasting = before.choices.lasting(now)
    for one in audience(lasting, known, asked):
        ways = _ways(one, lasting, asked)
        old, new = (frozenset().union(*(seen_by(way, at, kinds, now) for way in ways)) for at in (before, after))
        pairs = [(kind, kind, number) for kind, number in staying.items()] + [(a, b, 1) for a, b in moved.values()]
        lost = sum(number for was, is_, number in pairs if was in old and is_ not in new)
        gained = sum(number for was, is_, number in pairs if was not in old and is_ in new)
        seen = sum(number for was, _, number in pairs if was in old)
        counts = (seen, seen - lost + gained, lost, gained)
        found.append(Effect(one.who, _named(one), *counts, one.profession, one.assumed))
    return found


def written(head: Head, asker: Asker) -> Written:
    """What counts of one document, whoever asks."""
    return Written(replace(combination_of(head, asker), mine=False), head.author_ids)


def _named(one: Imagined) -> str:
    """By what the person knows them."""
    if one.who == "emergency":
        return one.mode
    if one.who == "profession":
        return one.profession or ""
    return one.organisation_id or one.id
