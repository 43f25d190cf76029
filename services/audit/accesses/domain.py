"""Who may read the list of a record's accesses, and its lines. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from services.audit.copies.domain import RecordCopy
from shared.access import Facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import (
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.terminology import access_modes

PATIENT_LIST_TYPES = (
    AccessRecorded.ce_type,
    DocumentReceived.ce_type,
    DocumentPublished.ce_type,
    DocumentRefused.ce_type,
    DocumentRelabelled.ce_type,
    DocumentReplaced.ce_type,
    DocumentWithdrawn.ce_type,
)
"""Types of entries in a patient's list. The checks of deposits and the patient's own alerts are left out: they add
nothing."""
STRUCTURE_ACTIONS = frozenset(
    {
        *("object-to-feeding", "withdraw-feeding-objection"),
        *("attest-care-team", "end-attestation", "withdraw-attestation-objection"),
    }
)
"""Actions whose subject is a structure."""
RECORD_ACTIONS = frozenset({"link-records", "unlink-records"})
"""Actions whose subject is a record."""
NON_PROFESSIONAL_ACTIONS = STRUCTURE_ACTIONS | RECORD_ACTIONS
"""Actions whose subject is no professional; that of every other action is one."""


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
        """The national ids of structures in the entry."""
        structures = {self.organisation_id} if self.organisation_id else set()
        return structures | ({self.subject_id} if self.subject_id and self.action in STRUCTURE_ACTIONS else set())


@dataclass(frozen=True, slots=True)
class AccessLine:
    """A line of the list: one entry, or equal refusals that followed one another. `newest`: the latest of them;
    `times`: their number; `first_at`: the time of the earliest."""

    newest: ShownEntry
    times: int
    first_at: datetime


def fold_refusals(page: Sequence[ShownEntry]) -> list[AccessLine]:
    """Returns the lines of a page, newest first. Repeated refusals fill one line only. If they differ in the document,
    the line names none."""
    lines: list[AccessLine] = []
    for _, alike in groupby(page, key=_refusal_of):
        group = list(alike)
        same_document = len({entry.document_id for entry in group}) == 1
        newest = group[0] if same_document else replace(group[0], document_id=None)
        lines.append(AccessLine(newest, len(group), group[-1].occurred_at))
    return lines


def _refusal_of(entry: ShownEntry) -> object:
    """Returns a key that is equal for equal refusals; for other entries it is unique."""
    if entry.outcome != "refused":
        return entry.event_id
    actor = (entry.actor_kind, entry.actor_id, entry.profession, entry.organisation_id)
    return (*actor, entry.action, entry.reason, entry.mode, entry.subject_id)


def access_list_facts(
    actor: Actor, mode: str, copy: RecordCopy, now: datetime, limit: timedelta, *, is_own_record: bool
) -> Facts:
    """Returns the facts of a request by `actor` in the access mode of the token. `is_own_record`: the token was issued
    for this record; otherwise no copy counts, so that all such callers are refused alike."""
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
    """Identity's copy says who represents now: a token may be older than the end of a representation."""
    match actor.kind:
        case "patient":
            return "holder"
        case "representative":
            return "representative" if copy.is_represented_by(actor.id, now) else "none"
        case _:
            return actor.kind
