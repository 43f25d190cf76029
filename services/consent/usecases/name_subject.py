"""Finds out whom a change is about: the identifier that the caller typed, by the directory, in full."""

from dataclasses import dataclass

from services.consent.domain.choices import Change, Choices
from services.consent.domain.identifiers import (
    HOLDER_KINDS,
    check_attending_doctor,
    listed_ids,
    possible_ids,
    resolve_id,
)
from services.consent.store import directory
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.http.tokens import Caller


@dataclass(frozen=True, slots=True)
class NamedChange:
    """A change whose subject is named in full. `error`: why nobody can be named; then the change has no subject.

    `is_known`: the directory has the subject; True as well where the change is about nobody.
    """

    change: Change
    is_known: bool = True
    error: ClientError | None = None


async def name_subject(connection: Connection, change: Change, caller: Caller, choices: Choices) -> NamedChange:
    """`choices`: those of the record, from which somebody may be taken out under the identifier that stands there."""
    if change.action not in HOLDER_KINDS or change.subject_id is None:
        return NamedChange(change)
    text, kind = change.subject_id.strip(), change.kind or HOLDER_KINDS[change.action]
    possible = possible_ids(text, kind)
    entries = await directory.find_entries(connection, possible)
    known = {id for id, entry in entries.items() if entry.is_of(kind)} | {caller.id, caller.organisation_id}
    listed = listed_ids(choices, change.action).intersection(possible)
    try:
        if text in listed or len(listed) == 1:
            subject_id = text if text in listed else next(iter(listed))
        else:
            subject_id = resolve_id(text, kind, {one for one in known if one is not None})
        named = change.model_copy(update={"subject_id": subject_id, "kind": None})
        check_attending_doctor(named, entries.get(subject_id))
    except ClientError as error:
        return NamedChange(change.model_copy(update={"subject_id": None, "kind": None}), error=error)
    return NamedChange(named, subject_id in entries)
