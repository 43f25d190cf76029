"""What audit answers over HTTP: codes and names, for programs that render them in the reader's language."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.audit.domain import RECORD_ACTIONS, STRUCTURE_ACTIONS, Cursor, Line, Names, Shown, fold_refusals

_PERSONS = ("patient", "representative")
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
    """A professional or a structure; `name` is missing while the directory's entry has not come."""

    id: str
    name: str | None = None


class WhoView(BaseModel):
    """Who acted. `you`: the patient or representative who reads. Identifiers of professionals and structures only."""

    kind: str = Field(
        description="patient, representative, carer, professional, software, administrator, operator, system or unknown"
    )
    you: bool = False
    id: str | None = None
    name: str | None = Field(default=None, description="of the professional, or of the structure whose software it is")
    profession: str | None = Field(default=None, description="TRE_G15")


class AccessView(BaseModel):
    """One line of the list."""

    event_id: UUID
    occurred_at: datetime
    who: WhoView
    organisation: NamedView | None
    action: str
    outcome: str = Field(description="permitted or refused")
    reason: str | None = Field(description="the stable code of the rule that permitted or refused")
    mode: str
    document_id: UUID | None
    subject: NamedView | None = Field(description="who was authorised, blocked or objected to")
    times: int = Field(default=1, description="refusals alike that followed one another are one line: how many")
    first_at: datetime | None = Field(default=None, description="when the first of several was")

    @classmethod
    def of(cls, line: Line, names: Names, own: frozenset[str]) -> "AccessView":
        """As whoever sees it who has acted under the ids `own`."""
        shown = line.newest
        return cls(
            event_id=shown.event_id,
            occurred_at=shown.occurred_at,
            who=_who(shown, names, own),
            organisation=_named(shown.organisation_id, names.structures),
            action=shown.action,
            outcome=shown.outcome,
            reason=shown.reason,
            mode=shown.mode,
            document_id=shown.document_id,
            subject=_subject(shown, names),
            times=line.times,
            first_at=line.first_at if line.times > 1 else None,
        )


class AccessesView(BaseModel):
    """A page of the list, newest first; `next` is the `before` of the following page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    accesses: list[AccessView]
    next: str | None

    @classmethod
    def of(cls, page: list[Shown], names: Names, has_more: bool, own: frozenset[str]) -> "AccessesView":
        """The page."""
        following = str(Cursor(page[-1].occurred_at, page[-1].event_id)) if has_more else None
        return cls(accesses=[AccessView.of(line, names, own) for line in fold_refusals(page)], next=following)


def _who(shown: Shown, names: Names, own: frozenset[str]) -> WhoView:
    match shown.actor_kind:
        case "professional":
            return WhoView(
                kind=shown.actor_kind,
                id=shown.actor_id,
                name=names.professionals.get(shown.actor_id),
                profession=shown.profession,
            )
        case "software":
            structure = shown.organisation_id
            return WhoView(kind=shown.actor_kind, id=structure, name=names.structures.get(structure or ""))
        case kind:
            # Another patient's id is the id of a record: it is nobody else's affair.
            return WhoView(kind=kind, you=kind in _PERSONS and shown.actor_id in own)


def _subject(shown: Shown, names: Names) -> NamedView | None:
    if shown.action in RECORD_ACTIONS:  # should the link be undone, the other record was somebody else's
        return None
    known = names.structures if shown.action in STRUCTURE_ACTIONS else names.professionals
    return _named(shown.subject_id, known)


def _named(id: str | None, names: Mapping[str, str]) -> NamedView | None:
    return None if id is None else NamedView(id=id, name=names.get(id))
