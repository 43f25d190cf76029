"""What somebody may do in a record: its holder, a legal representative, a carer. One table, total.

A representative acts for the holder (R1111-40) but has no hand in the holder's login; a carer reads, adds, changes and
deletes, writes to professionals and is notified, and neither closes, nor manages carers, nor changes contact or login.
"""

from types import MappingProxyType
from typing import Final, Literal, get_args
from uuid import UUID

from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor
from shared.errors import ForbiddenError

Relation = Literal["holder", "representative", "carer"]
Proxy = Literal["representative", "carer"]
"""Who acts for another."""
Act = Literal[
    "read-documents",
    "add-documents",
    "change-documents",
    "delete-documents",
    "write-to-professionals",
    "receive-notifications",
    "see-people-to-call",
    "change-people-to-call",
    "see-representatives",
    "answer-representation",
    "see-carers",
    "invite-carer",
    "end-care",
    "close-record",
    "reopen-record",
    "change-contact",
    "change-login",
]
RELATIONS: Final = get_args(Relation)
ACTS: Final = get_args(Act)


class RelationInsufficientError(ForbiddenError):
    """A carer may not do this. The holder of the record or a legal representative may."""

    code = "relation-insufficient"
    french = "Un aidant ne peut pas faire cela. Le titulaire du dossier ou son représentant légal le peut."


_CARER: Final = frozenset[Act](
    {
        "read-documents",
        "add-documents",
        "change-documents",
        "delete-documents",
        "write-to-professionals",
        "receive-notifications",
        "see-people-to-call",
    }
)
_NEVER_FOR_ANOTHER: Final = frozenset[Act]({"change-login"})
_NEVER_ALONE: Final = frozenset[Act]({"answer-representation"})
_MAY: Final[dict[Relation, frozenset[Act]]] = {
    "holder": frozenset(ACTS) - _NEVER_ALONE,
    "representative": frozenset(ACTS) - _NEVER_FOR_ANOTHER,
    "carer": _CARER,
}
TABLE: Final = MappingProxyType({(relation, act): act in _MAY[relation] for relation in RELATIONS for act in ACTS})
"""Everything, decided once."""


def may(relation: Relation, act: Act) -> bool:
    """Whether somebody in that relation to the holder may do that."""
    return TABLE[relation, act]


def entry(
    record_id: UUID, actor: Actor, action: LedgerAction, reason: str, *, subject: UUID | None = None
) -> AccessRecorded:
    """What the ledger is told of an act that was done. `subject`: the own record of whoever it is about."""
    return AccessRecorded(
        record_id=record_id,
        actor=actor,
        action=action,
        outcome="permitted",
        reason=reason,
        subject_id=None if subject is None else str(subject),
    )
