"""The lines of the page of who did what: actors, acts and reasons in the reader's words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final, get_args
from uuid import UUID

from services.audit.accesses.domain import LIST_READER_KINDS, AccessLine, ShownEntry, fold_repeats
from services.audit.accesses.usecases.list_accesses import AccessList
from services.audit.explanations.domain import Language, reason_text
from shared.contracts.audit import Action
from shared.moments import FRANCE
from shared.public_names import PublicNames
from shared.terminology.access_modes import EMERGENCY_MODES
from shared.terminology.documents import section_label
from shared.terminology.professions import role_label

Words = Callable[..., str]
NAMED_ACTIONS: Final = frozenset({*get_args(Action), "publish-document"})
HOLDER_ACTIONS: Final = frozenset(
    {
        *("authorise-professional", "end-authorisation", "block-professional", "unblock-professional"),
        *("object-to-feeding", "withdraw-feeding-objection", "name-attending-doctor", "end-attending-doctor"),
        *("attest-care-team", "end-attestation", "withdraw-attestation-objection"),
    }
)
"""The acts whose words end before the name of a professional or structure."""
SECTION_ACTIONS: Final = frozenset({"hide-section", "show-section"})
_ACTORS: Final = frozenset(
    {"patient", "representative", "carer", "administrator", "operator", "application", "unknown"}
)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line: one act, or equal ones that followed one another. `reason`: why it was refused, in a sentence."""

    event_id: UUID
    at: datetime
    times: int
    who: str
    profession: str | None
    place: str | None
    did: str
    about: str | None
    document_id: UUID | None
    is_refused: bool
    is_emergency: bool
    is_own: bool
    reason: str | None

    @property
    def time(self) -> str:
        """The time of the latest of them, in France."""
        return f"{self.at.astimezone(FRANCE):%H:%M}"


@dataclass(frozen=True, slots=True)
class HistoryDay:
    """The lines of one day in French time."""

    day: date
    lines: list[HistoryLine]


def history_days(accesses: AccessList, t: Words, language: Language) -> list[HistoryDay]:
    """Returns the lines of a page by day, newest first."""
    folded = fold_repeats(accesses.page.entries)
    lines = [history_line(line, accesses.page.names, accesses.own_ids, t, language) for line in folded]
    by_day: Iterable[tuple[date, Iterable[HistoryLine]]] = groupby(
        lines, lambda line: line.at.astimezone(FRANCE).date()
    )
    return [HistoryDay(day, list(of_day)) for day, of_day in by_day]


def history_line(
    line: AccessLine, names: PublicNames, own_ids: frozenset[str], t: Words, language: Language
) -> HistoryLine:
    """Returns a line in words."""
    entry = line.newest
    is_own = entry.actor_kind in LIST_READER_KINDS and entry.actor_id in own_ids
    is_refused = entry.outcome == "refused"
    return HistoryLine(
        event_id=entry.event_id,
        at=entry.occurred_at,
        times=line.times,
        who=actor_words(entry.actor_kind, entry.actor_id, entry.organisation_id, names, t, is_own=is_own),
        profession=None if entry.profession is None else role_label(entry.profession),
        place=_place(entry, names),
        did=act_words(entry.action, t, is_refused=is_refused, is_own=is_own),
        about=_about(entry, names, t),
        document_id=entry.document_id,
        is_refused=is_refused,
        is_emergency=entry.mode in EMERGENCY_MODES,
        is_own=is_own,
        reason=reason_text(entry.reason, entry.outcome, language) if is_refused else None,
    )


def act_words(action: str, t: Words, *, is_refused: bool, is_own: bool) -> str:
    """Returns an act as what follows its actor: done, or tried and refused."""
    text = t(f"act.{action}" if action in NAMED_ACTIONS else "act.other")
    verb, _, rest = text.partition(" ")
    past, _, infinitive = verb.partition("/")
    form = ("tried" if is_refused else "done") + ("-own" if is_own else "")
    return t(f"line.{form}", verb=infinitive if is_refused else past, rest=rest).rstrip()


def actor_words(  # the parts of an actor
    kind: str, id: str, organisation_id: str | None, names: PublicNames, t: Words, *, is_own: bool
) -> str:
    """Returns the actor in words. Patients and relatives are not named: their ids are those of records."""
    if is_own:
        return t("who.you")
    match kind:
        case "professional":
            return names.professionals.get(id) or t("who.professional", id=id)
        case "software":
            name = names.structures.get(organisation_id or "")
            return t("who.software") if name is None else t("who.software-of", name=name)
        case _:
            return t(f"who.{kind}" if kind in _ACTORS else "who.system")


def _place(entry: ShownEntry, names: PublicNames) -> str | None:
    if entry.actor_kind != "professional" or entry.organisation_id is None:
        return None
    return names.structures.get(entry.organisation_id)


def _about(entry: ShownEntry, names: PublicNames, t: Words) -> str | None:
    subject = entry.subject_id
    if entry.action in HOLDER_ACTIONS:
        return t("who.somebody") if subject is None else names.name_of(subject) or t("who.number", id=subject)
    if entry.action in SECTION_ACTIONS and subject is not None:
        return section_label(subject) or subject
    return None
