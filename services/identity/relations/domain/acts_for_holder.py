"""The acts that the holder of a record, a legal representative and a carer may perform: one total table.

A representative acts for the holder (Code de la santé publique R1111-40) but cannot change the holder's login. A carer
reads, adds, changes and deletes documents, writes to professionals and receives notifications. A carer cannot close the
record, manage carers, or change contact or login.
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
"""The relations in which a person acts for the holder."""
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
    """A carer may not do this; the holder of the record and a legal representative may."""

    code = "relation-insufficient"
    french = (
        "Une personne aidante ne peut pas faire cela. La personne titulaire du dossier, ou celle qui la représente "
        "légalement, le peut."
    )


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
PERMISSIONS: Final = MappingProxyType(
    {(relation, act): act in _MAY[relation] for relation in RELATIONS for act in ACTS}
)
"""The permissions: every pair of relation and act, and whether it is permitted."""


def is_permitted(relation: Relation, act: Act) -> bool:
    """Returns whether a person in that relation to the holder may perform the act."""
    return PERMISSIONS[relation, act]


def permitted_access(
    record_id: UUID, actor: Actor, action: LedgerAction, reason: str, *, subject: UUID | None = None
) -> AccessRecorded:
    """Returns the access-ledger event of a permitted act.

    `subject`: the own record of the person whom the act concerns, such as an invited carer.
    """
    return AccessRecorded(
        record_id=record_id,
        actor=actor,
        action=action,
        outcome="permitted",
        reason=reason,
        subject_id=None if subject is None else str(subject),
    )
