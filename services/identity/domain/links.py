"""Two records of one person, known under two numbers: no document moves, the two name each other.

Each keeps its own state, so that each document goes on being judged by its own record's. A closed one may be linked:
its holder still reads it. One whose holder has died may not: the other would be read by somebody who lives.
"""

from typing import Literal, Protocol
from uuid import UUID

from services.identity.domain.lifecycle import LifecycleParty, LifecycleRefusal, LifecycleState, decide
from shared.errors import ClientError, ConflictError, InvalidError


class RecordLinkedError(ConflictError):
    """One of these records is linked to another one. End that link first: POST /records/{id}/unlink."""

    code = "record-linked"
    french = "L’un de ces dossiers est déjà rattaché à un autre. Mettez d’abord fin à ce rattachement."


class SameRecordError(InvalidError):
    """These are one and the same record. Name the two records of the person."""

    code = "same-record"
    french = "C’est un seul et même dossier. Indiquez les deux dossiers de la personne."


class LinkableRecord(Protocol):
    """One of the two records."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def state(self) -> LifecycleState:
        """Where it is in its life."""

    @property
    def linked_to(self) -> UUID | None:
        """The record that it names."""


def are_linked(first: LinkableRecord, second: LinkableRecord) -> bool:
    """Whether they name each other."""
    return (first.linked_to, second.linked_to) == (second.id, first.id)


def link_refusal(
    action: Literal["link", "unlink"], first: LinkableRecord, second: LinkableRecord, party: LifecycleParty
) -> ClientError | None:
    """Why these two are not to be linked, or why their link is not to be ended."""
    for record in (first, second):
        if isinstance(decision := decide(record.state, action, party), LifecycleRefusal):
            return decision.error()
    if {first.linked_to, second.linked_to} <= {None, first.id, second.id}:
        return None
    return RecordLinkedError()
