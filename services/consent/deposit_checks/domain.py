"""The facts on which the access rules decide a deposit: the depositor, the document and the patient's choices."""

from dataclasses import dataclass, replace
from typing import Final, get_args
from uuid import UUID

from services.consent.copies.domain import RecordContext
from shared.access import Facts, blocked_of, decode_facts
from shared.access.requirements import MODES
from shared.contracts.base import Actor, ActorKind, Seen
from shared.contracts.identity import PeopleChanged
from shared.contracts.records import DocumentReceived
from shared.contracts.topics import CONSENT_STATES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.errors import PermanentError
from shared.terminology import access_modes
from shared.terminology.professions import role_code
from shared.terminology.visibility import KNOWN_LABELS

_KNOWN_MODES: Final = MODES | {access_modes.SECRET}
_KNOWN_ACTORS: Final = frozenset(get_args(ActorKind))


class ValueUnknownError(PermanentError):
    """A deposit carries a code that the rules of this release do not know, so they can neither permit nor refuse it."""

    code = "value-unknown"


@dataclass(frozen=True, slots=True)
class DepositChecksRules:
    """The parameters of the checks.

    `masked_and_invisible`: the national parameter `cumul-invisible_patient-masque_ps`.
    """

    masked_and_invisible: bool = False


DEFAULT_RULES: Final = DepositChecksRules()


@dataclass(frozen=True, slots=True)
class DepositContext:
    """The facts for a decision on a deposit. `state_version` None: consent has no choices of the record.

    `awaits_recovery`: the state may be outdated, because this database may have lost commits.
    """

    status: str
    record_version: int
    state_version: int | None
    feeding_objections: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    mask_new_documents: bool = False
    linked_to: UUID | None = None
    people: PeopleChanged | None = None
    awaits_recovery: bool = False

    def with_linked(self, other: "DepositContext | None") -> "DepositContext":
        """Returns this context with the blocks of the patient's other record added."""
        return self if other is None else replace(self, blocked=self.blocked | other.blocked)

    @property
    def seen(self) -> Seen:
        """The versions that a decision rests on, by topic."""
        states = {} if self.state_version is None else {CONSENT_STATES.name: self.state_version}
        return {IDENTITY_RECORDS.name: self.record_version, **states}

    def is_older_than(self, seen: Seen) -> bool:
        """Returns whether the sender of an event had seen newer versions than these."""
        people_version = 0 if self.people is None else self.people.version
        if self.record_version < seen.get(IDENTITY_RECORDS.name, 1):
            return True
        return people_version < seen.get(IDENTITY_PEOPLE.name, 0)

    @property
    def is_complete(self) -> bool:
        """Returns whether a deposit can be decided; a record that was never open here needs no choices."""
        return self.state_version is not None or self.status != "open"

    def awaits_version(self, seen: Seen) -> bool:
        """Returns whether nothing can be decided yet on what a sender saw: copies or choices are behind, or lost."""
        return not self.is_complete or self.is_older_than(seen) or self.awaits_recovery


def require_known_codes(event: DocumentReceived) -> None:
    """Raises ValueUnknownError for an unknown code. A refusal is final, so such a deposit waits for a later release."""
    actor_known = event.actor is None or event.actor.kind in _KNOWN_ACTORS
    if not (actor_known and event.mode in _KNOWN_MODES and KNOWN_LABELS.issuperset(event.labels)):
        raise ValueUnknownError


def deposit_facts(event: DocumentReceived, context: DepositContext, rules: DepositChecksRules) -> Facts:
    """Returns the facts of a deposit. Without a state of choices, objections and blocks count as possible.

    The copies count as fresh: a deposit waits until consent has every version that its sender had seen.
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
            "mode": access_modes.NORMAL if event.mode == access_modes.SECRET else event.mode,
            "secret": event.mode == access_modes.SECRET,
            "regulator": event.mode == access_modes.REGULATION_CENTRE,
            "minor": context.people is not None and context.people.is_minor,
            "record_status": context.status,
            "choices_known": has_state,
            "copies_fresh": True,
            "organisation_objected": not has_state or event.organisation_id in context.feeding_objections,
            "blocked": blocked_of(context.blocked, professional, actor.organisation_id) if has_state else "unknown",
            "labels_asked": event.labels,
            "type_asked": None if event.replaced is None else event.type,
            "masked_and_invisible_allowed": rules.masked_and_invisible,
        }
    )
