"""The rules of the list of accesses: the facts of a request to read it, and the lines that it shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from services.audit.copies.domain import RecordCopy
from shared.access import Facts
from shared.contracts.audit import READ_ACTIONS, AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import (
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.moments import FRANCE
from shared.terminology import access_modes

LIST_READER_KINDS = ("patient", "representative")
"""The kinds of actors that read the list of their record's accesses, where their own entries are marked `you`."""
PATIENT_LIST_TYPES = (
    AccessRecorded.ce_type,
    DocumentReceived.ce_type,
    DocumentPublished.ce_type,
    DocumentRefused.ce_type,
    DocumentRelabelled.ce_type,
    DocumentReplaced.ce_type,
    DocumentWithdrawn.ce_type,
)
"""The types of entries in a patient's list.

The checks of deposits and the patient's own alerts are left out, because they add nothing.
"""
STRUCTURE_ACTIONS = frozenset(
    {
        *("object-to-feeding", "withdraw-feeding-objection"),
        *("attest-care-team", "end-attestation", "withdraw-attestation-objection"),
    }
)
"""The actions whose subject is a structure."""
LOOKS = READ_ACTIONS | {
    *("list-accesses", "list-emergencies", "explain-decision", "see-choices", "ask-what-if", "check-record"),
    *("sign-in", "sign-out"),
}
"""The actions that change nothing in the record."""
RECORD_ACTIONS = frozenset({"link-records", "unlink-records"})
"""The actions whose subject is a record."""
NON_PROFESSIONAL_ACTIONS = STRUCTURE_ACTIONS | RECORD_ACTIONS
"""The actions whose subject is not a professional; that of every other action is one."""


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry that may be shown, without the names of its codes."""

    event_id: UUID
    occurred_at: datetime
    action: str
    outcome: str
    reason: str | None
    actor_kind: str
    actor_id: str
    profession: str | None
    organisation_id: str | None
    document_id: UUID | None
    subject_id: str | None
    mode: str

    @property
    def professional_ids(self) -> set[str]:
        """The national ids of professionals in the entry."""
        actors = {self.actor_id} if self.actor_kind == "professional" else set()
        return actors | (
            {self.subject_id} if self.subject_id and self.action not in NON_PROFESSIONAL_ACTIONS else set()
        )

    @property
    def structure_ids(self) -> set[str]:
        """The national ids of structures in the entry; the subject may be one, for a structure is authorised too."""
        structures = {self.organisation_id} if self.organisation_id else set()
        return structures | ({self.subject_id} if self.subject_id and self.action not in RECORD_ACTIONS else set())


@dataclass(frozen=True, slots=True)
class AccessLine:
    """A line of the list: one entry, or equal ones that followed one another.

    `newest`: the latest of them; `times`: their number; `first_at`: the time of the earliest.
    """

    newest: ShownEntry
    times: int
    first_at: datetime


def fold_repeats(page: Sequence[ShownEntry]) -> list[AccessLine]:
    """Returns the lines of a page, newest first. What an actor repeats on one day (in French time) is one line.

    Only looks are folded, at the same document; each change keeps its line. Refusals are alike on any day and whatever
    the document; if they differ in the document their line names none.
    """
    lines: list[AccessLine] = []
    for _, alike in groupby(page, key=_likeness_of):
        group = list(alike)
        same_document = len({entry.document_id for entry in group}) == 1
        newest = group[0] if same_document else replace(group[0], document_id=None)
        lines.append(AccessLine(newest, len(group), group[-1].occurred_at))
    return lines


def _likeness_of(entry: ShownEntry) -> object:
    """Returns a key that is equal for entries that one line shows."""
    actor = (entry.actor_kind, entry.actor_id, entry.profession, entry.organisation_id)
    act = (*actor, entry.outcome, entry.action, entry.reason, entry.mode, entry.subject_id)
    if entry.outcome == "refused":
        return act
    if entry.action not in LOOKS:
        return entry.event_id
    return (*act, entry.document_id, entry.occurred_at.astimezone(FRANCE).date())


def access_list_facts(
    actor: Actor, mode: str, copy: RecordCopy, now: datetime, limit: timedelta, *, is_own_record: bool
) -> Facts:
    """Returns the facts of a request by `actor` in the access mode of the token.

    `is_own_record`: the token was issued for this record; otherwise no copy counts, so that all such callers are
    refused alike.
    """
    return Facts(
        action="read-access-list",
        actor_kind=actor.kind,
        relation=_relation(actor, copy, now) if is_own_record else "none",
        mode=access_modes.NORMAL if mode == access_modes.SECRET else mode,
        secret=mode == access_modes.SECRET,
        record_status=copy.status,
        copies_fresh=not is_own_record or copy.is_fresh(now, limit),
    )


def _relation(actor: Actor, copy: RecordCopy, now: datetime) -> str:
    """Returns the actor's relation to the patient by identity's copy: a token may outlive a representation."""
    match actor.kind:
        case "patient":
            return "holder"
        case "representative":
            return "representative" if copy.is_represented_by(actor.id, now) else "none"
        case _:
            return actor.kind
