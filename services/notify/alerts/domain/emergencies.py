"""The rule which accesses are emergencies."""

from typing import get_args

from shared.contracts.audit import READ_ACTIONS, AccessRecorded, Action
from shared.contracts.base import Actor, ActorKind
from shared.terminology.access_modes import EMERGENCY_MODES

_KNOWN_ACTIONS = frozenset(get_args(Action))
_KNOWN_ACTORS = frozenset(get_args(ActorKind))


def is_emergency(event: AccessRecorded) -> bool:
    """Returns whether a professional has bypassed the person's authorisation and has read something of the record.

    An action, an outcome or a kind of actor that this release does not know counts as such a reading.
    """
    was_permitted = event.mode in EMERGENCY_MODES and event.outcome != "refused"
    has_read = event.action in READ_ACTIONS or event.action not in _KNOWN_ACTIONS
    return was_permitted and has_read and may_be_professional(event.actor)


def may_be_professional(actor: Actor) -> bool:
    """Returns whether the actor is a professional, or of a kind that this release does not know."""
    return actor.kind == "professional" or actor.kind not in _KNOWN_ACTORS
