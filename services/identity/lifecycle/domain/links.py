"""Two records of one person under two numbers: documents stay where they are, and the records refer to each other.

Each record keeps its own state, which decides about its own documents. A closed record can be linked, since its holder
still reads it. A record whose holder has died cannot: the living holder of the other would read it.
"""

from typing import Literal, Protocol
from uuid import UUID

from services.identity.kit.transitions import TransitionRefusal
from services.identity.lifecycle.domain.lifecycle import LifecycleParty, LifecycleState, decide
from shared.errors import ClientError, ConflictError, InvalidError


class RecordLinkedError(ConflictError):
    """One of these records is linked to another one. End that link first: POST /records/{id}/unlink."""

    code = "record-linked"
    french = "L’un de ces dossiers est déjà rattaché à un autre. Mettez d’abord fin à ce rattachement."


class SameRecordError(InvalidError):
    """These are one and the same record. Name the two different records of the person."""

    code = "same-record"
    french = "C’est un seul et même dossier. Indiquez les deux dossiers de la personne."


class LinkableRecord(Protocol):
    """A record with what a link needs to know of it."""

    @property
    def id(self) -> UUID:
        """The id of the record."""

    @property
    def state(self) -> LifecycleState:
        """The state of its life cycle."""

    @property
    def linked_to(self) -> UUID | None:
        """The record to which it is linked."""


def are_linked(first: LinkableRecord, second: LinkableRecord) -> bool:
    """Returns whether the two records refer to each other."""
    return (first.linked_to, second.linked_to) == (second.id, first.id)


def link_refusal(
    action: Literal["link", "unlink"], first: LinkableRecord, second: LinkableRecord, party: LifecycleParty
) -> ClientError | None:
    """Returns why these records cannot be linked or unlinked, or None if they can."""
    for record in (first, second):
        if isinstance(decision := decide(record.state, action, party), TransitionRefusal):
            return decision.error()
    if {first.linked_to, second.linked_to} <= {None, first.id, second.id}:
        return None
    return RecordLinkedError()
