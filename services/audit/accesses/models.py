"""The responses with accesses: codes and names, for programs that render them in the reader's language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.audit.accesses.domain import (
    LIST_READER_KINDS,
    RECORD_ACTIONS,
    STRUCTURE_ACTIONS,
    AccessLine,
    ShownEntry,
    fold_repeats,
)
from services.audit.accesses.usecases.list_accesses import AccessList
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.public_names import PublicNames

_EXAMPLE: dict[str, JsonValue] = {
    "accesses": [
        {
            "event_id": "019a1b2c-0000-8000-8000-000000000002",
            "occurred_at": "2026-11-22T09:31:00Z",
            "who": {
                "kind": "professional",
                "you": False,
                "id": "899700000001",
                "name": "Dr Alix Marbeuf",
                "profession": "10",
            },
            "organisation": None,
            "action": "read-document",
            "outcome": "refused",
            "reason": "blocked",
            "mode": "normal",
            "document_id": "019a1b2c-0000-8000-8000-000000000001",
            "subject": None,
        }
    ],
    "next": "2026-11-22T09:31:00.000000Z_019a1b2c-0000-8000-8000-000000000002",
}


class NamedView(BaseModel):
    """A professional or a structure; `name` is null until audit has the directory's entry."""

    id: str
    name: str | None = None


class ActorView(BaseModel):
    """The actor. `you`: the patient or representative who reads the list.

    Only professionals and structures have an id here.
    """

    kind: str = Field(
        description="patient, representative, carer, professional, software, administrator, operator, system or unknown"
    )
    you: bool = False
    id: str | None = None
    name: str | None = Field(
        default=None, description="name of the professional, or of the structure whose software acted"
    )
    profession: str | None = Field(default=None, description="TRE_G15")


class AccessView(BaseModel):
    """One line of the list."""

    event_id: UUID
    occurred_at: datetime
    who: ActorView
    organisation: NamedView | None
    action: str
    outcome: str = Field(description="permitted or refused")
    reason: str | None = Field(description="the stable code of the rule that permitted or refused")
    mode: str
    document_id: UUID | None
    subject: NamedView | None = Field(
        description="the professional or structure that was authorised, blocked or objected to"
    )
    times: int = Field(default=1, description="number of equal entries that this line stands for")
    first_at: datetime | None = Field(default=None, description="time of the first of several entries")

    @classmethod
    def of(cls, line: AccessLine, names: PublicNames, own_ids: frozenset[str]) -> "AccessView":
        """Returns the view of a line for a reader who has acted under `own_ids`."""
        entry = line.newest
        return cls(
            event_id=entry.event_id,
            occurred_at=entry.occurred_at,
            who=_actor_view(entry, names, own_ids),
            organisation=_named_view(entry.organisation_id, names.structures),
            action=entry.action,
            outcome=entry.outcome,
            reason=entry.reason,
            mode=entry.mode,
            document_id=entry.document_id,
            subject=_subject_view(entry, names),
            times=line.times,
            first_at=line.first_at if line.times > 1 else None,
        )


class AccessesView(BaseModel):
    """A page of the list, newest first; `next` is the `before` of the following page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    accesses: list[AccessView]
    next: str | None
    own_hidden: int = Field(default=0, description="own entries in this part of the list that are hidden; 1000 at most")

    @classmethod
    def of(cls, accesses: AccessList) -> "AccessesView":
        """Returns the view of a page."""
        page = accesses.page
        last = page.entries[-1] if page.has_more else None
        following = None if last is None else str(LedgerCursor(last.occurred_at, last.event_id))
        lines = [AccessView.of(line, page.names, accesses.own_ids) for line in fold_repeats(page.entries)]
        return cls(accesses=lines, next=following, own_hidden=page.own_hidden)


class AccessListKeysView(BaseModel):
    """The public keys of lists of accesses (JWKS)."""

    keys: list[dict[str, Any]]


def whole_views(accesses: list[ShownEntry], names: PublicNames, own_ids: frozenset[str]) -> list[BaseModel]:
    """Returns the view of each entry; equal refusals stay apart."""
    return [AccessView.of(AccessLine(entry, 1, entry.occurred_at), names, own_ids) for entry in accesses]


def _actor_view(entry: ShownEntry, names: PublicNames, own_ids: frozenset[str]) -> ActorView:
    match entry.actor_kind:
        case "professional":
            return ActorView(
                kind=entry.actor_kind,
                id=entry.actor_id,
                name=names.professionals.get(entry.actor_id),
                profession=entry.profession,
            )
        case "software":
            structure = entry.organisation_id
            return ActorView(kind=entry.actor_kind, id=structure, name=names.structures.get(structure or ""))
        case kind:
            # The id of another patient is a record id, which readers of this list must not see.
            return ActorView(kind=kind, you=kind in LIST_READER_KINDS and entry.actor_id in own_ids)


def _subject_view(entry: ShownEntry, names: PublicNames) -> NamedView | None:
    if entry.action in RECORD_ACTIONS:  # if the link was wrong, the other record is another person's
        return None
    if entry.action in STRUCTURE_ACTIONS:
        return _named_view(entry.subject_id, names.structures)
    return None if entry.subject_id is None else NamedView(id=entry.subject_id, name=names.name_of(entry.subject_id))


def _named_view(id: str | None, names: Mapping[str, str]) -> NamedView | None:
    return None if id is None else NamedView(id=id, name=names.get(id))
