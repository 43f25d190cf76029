"""Resolves the subject of a change: from the identifier that the caller typed to the full one in the directory."""

from dataclasses import dataclass

from services.consent.choices.domain.choices import Change, Choices
from services.consent.choices.domain.identifiers import (
    HOLDER_KINDS,
    check_attending_doctor,
    possible_ids,
    removable_ids,
    resolve_id,
)
from services.consent.copies.store import directory
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.http.tokens import Caller


@dataclass(frozen=True, slots=True)
class ResolvedChange:
    """A change with the full identifier of its subject. `error`: why the subject cannot be resolved; then the change
    has none.

    `is_known`: whether the directory has the subject; True for a change without one.
    """

    change: Change
    is_known: bool = True
    error: ClientError | None = None


async def resolve_subject(connection: Connection, change: Change, caller: Caller, choices: Choices) -> ResolvedChange:
    """Resolves the subject of a change. `choices`: those of the record; an identifier can be taken out as it stands in
    them."""
    if change.action not in HOLDER_KINDS or change.subject_id is None:
        return ResolvedChange(change)
    text, kind = change.subject_id.strip(), change.kind or HOLDER_KINDS[change.action]
    possible = possible_ids(text, kind)
    entries = await directory.find_entries(connection, possible)
    known_ids = {id for id, entry in entries.items() if entry.is_of_kind(kind)} | {caller.id, caller.organisation_id}
    removable = removable_ids(choices, change.action).intersection(possible)
    try:
        if text in removable or len(removable) == 1:
            subject_id = text if text in removable else next(iter(removable))
        else:
            subject_id = resolve_id(text, kind, {known_id for known_id in known_ids if known_id is not None})
        resolved = change.model_copy(update={"subject_id": subject_id, "kind": None})
        check_attending_doctor(resolved, entries.get(subject_id))
    except ClientError as error:
        return ResolvedChange(change.model_copy(update={"subject_id": None, "kind": None}), error=error)
    return ResolvedChange(resolved, subject_id in entries)
