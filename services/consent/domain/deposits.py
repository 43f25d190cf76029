"""What the rules are asked about a deposit: who deposits, what records says of it, and what the person chose."""

from typing import Final, get_args
from uuid import UUID

from services.consent.domain.states import About, KnownRecord
from shared.access import Facts, blocked_of, decode_facts
from shared.access.requirements import MODES
from shared.contracts.base import Actor, ActorKind
from shared.contracts.records import DocumentReceived
from shared.errors import PermanentError
from shared.terminology.professions import role_code
from shared.terminology.visibility import KNOWN_LABELS

SECRET: Final = "secret"  # noqa: S105 - the secret connection of a minor
REGULATION: Final = "centre_15"
_KNOWN_MODES: Final = MODES | {SECRET}
_KNOWN_ACTORS: Final = frozenset(get_args(ActorKind))


class ValueUnknownError(PermanentError):
    """A deposit carries a code that the rules of this release do not know: they can neither permit nor refuse it."""

    code = "value-unknown"


def require_known(event: DocumentReceived) -> None:
    """Raises ValueUnknownError. A refusal is for ever, so what cannot be judged here waits for a release that can."""
    actor_known = event.actor is None or event.actor.kind in _KNOWN_ACTORS
    if not (actor_known and event.mode in _KNOWN_MODES and KNOWN_LABELS.issuperset(event.labels)):
        raise ValueUnknownError


def facts_of(event: DocumentReceived, known: KnownRecord, *, masked_and_invisible: bool) -> Facts:
    """Without a state an objection cannot be ruled out. `masked_and_invisible`: the national parameter.

    That the copies are fresh is so because a deposit waits until all is here that its sender had seen.
    """
    actor = event.actor or Actor(kind="software", id=event.client_id, organisation_id=event.organisation_id)
    told = {} if event.replaced is None else event.replaced
    about = About(known.status, known.linked_to, known.people)
    professional = actor.id if actor.kind == "professional" else None
    own_record = UUID(actor.id) if actor.kind == "patient" else event.record_id
    chosen = known.state_version is not None
    return decode_facts(
        {
            "document_type": event.type,
            "class_code": event.class_code,
            "section": event.section,
            **told,
            "action": "deposit" if event.replaced is None else "replace",
            "actor_kind": actor.kind,
            "profession": None if actor.profession is None else role_code(actor.profession),
            "relation": about.relation_of(actor.kind, actor.id, own_record, event.record_id, event.received_at),
            "mode": "normal" if event.mode == SECRET else event.mode,
            "secret": event.mode == SECRET,
            "regulator": event.mode == REGULATION,
            "minor": known.people is not None and known.people.is_minor,
            "record_status": known.status,
            "choices_known": chosen,
            "copies_fresh": True,
            "organisation_objected": not chosen or event.organisation_id in known.feeding_objections,
            "blocked": blocked_of(known.blocked, professional, actor.organisation_id) if chosen else "unknown",
            "labels_asked": event.labels,
            "type_asked": None if event.replaced is None else event.type,
            "masked_and_invisible_allowed": masked_and_invisible,
        }
    )
