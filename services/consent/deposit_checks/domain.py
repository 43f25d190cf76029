"""The facts on which the access rules decide a deposit: the depositor, the document and the patient's choices."""

from typing import Final, get_args
from uuid import UUID

from services.consent.choices.domain.states import DepositContext, RecordContext
from shared.access import Facts, blocked_of, decode_facts
from shared.access.requirements import MODES
from shared.contracts.base import Actor, ActorKind
from shared.contracts.records import DocumentReceived
from shared.errors import PermanentError
from shared.terminology.professions import role_code
from shared.terminology.visibility import KNOWN_LABELS

SECRET_CONNECTION: Final = "secret"  # noqa: S105 - the secret connection of a minor
REGULATION_CENTRE: Final = "centre_15"
_KNOWN_MODES: Final = MODES | {SECRET_CONNECTION}
_KNOWN_ACTORS: Final = frozenset(get_args(ActorKind))


class ValueUnknownError(PermanentError):
    """A deposit carries a code that the rules of this release do not know, so they can neither permit nor refuse it."""

    code = "value-unknown"


def require_known_codes(event: DocumentReceived) -> None:
    """Raises ValueUnknownError for an unknown code. A refusal is final, so such a deposit waits for a later release."""
    actor_known = event.actor is None or event.actor.kind in _KNOWN_ACTORS
    if not (actor_known and event.mode in _KNOWN_MODES and KNOWN_LABELS.issuperset(event.labels)):
        raise ValueUnknownError


def deposit_facts(event: DocumentReceived, context: DepositContext, *, masked_and_invisible: bool) -> Facts:
    """Returns the facts of a deposit. Without a state of choices, objections and blocks count as possible.

    `masked_and_invisible`: the national parameter. The copies count as fresh: a deposit waits until consent has every
    version that its sender had seen.
    """
    actor = event.actor or Actor(kind="software", id=event.client_id, organisation_id=event.organisation_id)
    replaced_facts = {} if event.replaced is None else event.replaced
    record = RecordContext(context.status, context.linked_to, context.people)
    professional = actor.id if actor.kind == "professional" else None
    own_record = UUID(actor.id) if actor.kind == "patient" else event.record_id
    has_state = context.state_version is not None
    return decode_facts(
        {
            "document_type": event.type,
            "class_code": event.class_code,
            "section": event.section,
            **replaced_facts,
            "action": "deposit" if event.replaced is None else "replace",
            "actor_kind": actor.kind,
            "profession": None if actor.profession is None else role_code(actor.profession),
            "relation": record.relation_of(actor.kind, actor.id, own_record, event.record_id, event.received_at),
            "mode": "normal" if event.mode == SECRET_CONNECTION else event.mode,
            "secret": event.mode == SECRET_CONNECTION,
            "regulator": event.mode == REGULATION_CENTRE,
            "minor": context.people is not None and context.people.is_minor,
            "record_status": context.status,
            "choices_known": has_state,
            "copies_fresh": True,
            "organisation_objected": not has_state or event.organisation_id in context.feeding_objections,
            "blocked": blocked_of(context.blocked, professional, actor.organisation_id) if has_state else "unknown",
            "labels_asked": event.labels,
            "type_asked": None if event.replaced is None else event.type,
            "masked_and_invisible_allowed": masked_and_invisible,
        }
    )
