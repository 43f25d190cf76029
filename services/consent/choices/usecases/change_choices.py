"""Changes who may read a record or deposit in it: decides, stores a new version and announces it in one transaction.

Refusals are announced to the ledger too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.consent.choices.domain.choices import Change, Choices
from services.consent.choices.domain.rules import ChoicesRules
from services.consent.choices.domain.states import (
    ConsentState,
    RecordClosedError,
    RecordNotReadyError,
    VersionDiffersError,
)
from services.consent.choices.steps import next_state, resolve_subject
from services.consent.choices.store import presences, states
from services.consent.copies import store as copies
from services.consent.copies.domain import RecordContext
from services.consent.kit.announcements import announce
from shared.access import Facts, Permit, Refusal, blocked_of, decide, encode_facts
from shared.access.facts import PATIENT_SIDE, PROXIES
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology import access_modes
from shared.terminology.professions import role_code

CARD_PRESENT_ACTION: Final = "authorise-professional"
"""The only change that a professional makes with the patient's card present."""
"""The kinds of actors that act for another person: representatives and carers."""


DEFAULT_RULES: Final = ChoicesRules()


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """The state after a change, and the full identifier of its subject.

    `is_known`: whether the directory has the subject.
    """

    state: ConsentState
    subject_id: str | None = None
    is_known: bool = True


class ChangeForbiddenError(ForbiddenError):
    """This is not yours to change: the patient does, and professionals only what concerns themselves."""

    code = "change-not-permitted"
    french = "Ce choix ne vous appartient pas : il revient à la personne."


class PresenceUsedError(ForbiddenError):
    """This reading of the card was already used: each serves one act. Read the card again."""

    code = "presence-used"
    french = "Cette lecture de la carte a déjà servi : chacune ne sert qu’une fois. Lisez la carte de nouveau."


class BlockingOneselfError(ForbiddenError):
    """You cannot block yourself or your own structure."""

    code = "blocking-oneself"
    french = "Vous ne pouvez pas vous bloquer vous-même, ni votre propre structure."


async def change_choices(
    pool: Pool,
    record_id: UUID,
    caller: Caller,
    change: Change,
    expected_version: int | None = None,
    rules: ChoicesRules = DEFAULT_RULES,
) -> ChangeOutcome:
    """Applies a change and returns the state afterwards.

    A change without effect makes no new version and is not announced. `change.subject_id` may be as the caller typed
    it. `expected_version`: the version that the change is based on; it is checked for the patient side alone, because
    others do not see the choices.

    Raises NotFoundError, RecordNotReadyError, RecordClosedError, ForbiddenError, VersionDiffersError,
    TooManyChangesError, InvalidNationalIdError, AttendingDoctorUnknownError, and what `apply_change` raises.
    """
    refusal_error: ClientError | None = None
    async with transaction(pool) as connection:
        state = await states.lock_state(connection, record_id)
        record = await copies.find_record_context(connection, record_id)
        now = clock.now()
        resolved = await resolve_subject(connection, change, caller, Choices() if state is None else state.choices)
        change = resolved.change
        if state is None or record is None:
            raise await _error_for_unknown_record(connection, record_id, caller, change, now, rules)
        facts = change_facts(caller, record_id, record, state.choices, change, now, rules)
        decision = decide(facts)
        try:
            if isinstance(decision, Refusal):
                raise _error_of_refusal(decision, facts)
            if resolved.error is not None:
                raise resolved.error
            next_state = await _next_state(connection, state, caller, change, expected_version, now)
        except ClientError as error:
            refusal_error, next_state = error, state
        if next_state is state and refusal_error is None:
            return ChangeOutcome(state, change.subject_id, resolved.is_known)
        access_event = _access_event(caller, change, facts, decision, next_state, refusal_error)
        if refusal_error is None:
            await states.update_state(connection, next_state, change, caller.actor())
            await append(connection, [announce(next_state.as_event()), announce(access_event)])
        else:
            await append(connection, [announce(access_event)])
    if refusal_error is not None:
        REFUSED.labels(change.action, access_event.reason).inc()
        raise refusal_error
    return ChangeOutcome(next_state, change.subject_id, resolved.is_known)


async def _error_for_unknown_record(
    connection: Connection, record_id: UUID, caller: Caller, change: Change, now: datetime, rules: ChoicesRules
) -> ClientError:
    """Returns the error for a record without choices.

    Only the patient side of the record learns that it is being opened; others get the error of any unknown record.
    """
    if caller.kind in PATIENT_SIDE and caller.record_id == record_id:
        return NotFoundError() if await erased_among(connection, [record_id]) else RecordNotReadyError()
    facts = change_facts(caller, record_id, RecordContext("unknown"), Choices(), change, now, rules)
    decision = decide(facts)
    return _error_of_refusal(decision, facts) if isinstance(decision, Refusal) else NotFoundError()


async def _next_state(  # every check that may refuse a change, always in this order
    connection: Connection,
    state: ConsentState,
    caller: Caller,
    change: Change,
    expected_version: int | None,
    now: datetime,
) -> ConsentState:
    await check_session(connection, caller.session_id)
    if expected_version is not None and caller.kind in PATIENT_SIDE and expected_version != state.version:
        raise VersionDiffersError(state)
    changed = await next_state(connection, state, change, caller.kind, now)
    if changed is not state and caller.kind == "professional" and change.action == CARD_PRESENT_ACTION:
        await _use_presence(connection, caller, now)
    return changed


async def _use_presence(connection: Connection, caller: Caller, now: datetime) -> None:
    if caller.token_id is None or not await presences.use_presence(connection, caller.token_id, now):
        raise PresenceUsedError


def _error_of_refusal(refusal: Refusal, facts: Facts) -> ClientError:
    match refusal:
        case Refusal(reason="record-closed") if facts.relation == "holder":
            return RecordClosedError()
        case Refusal(reason="change-not-permitted") if facts.change == "block-professional" and facts.about_self:
            return BlockingOneselfError()
        case Refusal(retry=True):
            return UncheckableError()
        case Refusal(hides_existence=True):
            return NotFoundError()
        case Refusal(reason="change-not-permitted"):
            return ChangeForbiddenError()
        case _:
            return ForbiddenError()


def _access_event(
    caller: Caller,
    change: Change,
    facts: Facts,
    decision: Permit | Refusal,
    state: ConsentState,
    refusal_error: ClientError | None,
) -> AccessRecorded:
    reason = decision.rule if isinstance(decision, Permit) else decision.reason
    if refusal_error is not None and isinstance(decision, Permit):
        reason = refusal_error.code
    return AccessRecorded(
        record_id=state.record_id,
        actor=caller.actor(),
        action=change.action,
        outcome="permitted" if refusal_error is None else "refused",
        reason=reason,
        subject_id=change.subject_id,
        mode=caller.mode,
        rules_version=decision.rules_version,
        state_version=state.version,
        facts=encode_facts(facts),
        session_id=caller.session_id,
    )


def change_facts(
    caller: Caller,
    record_id: UUID,
    record: RecordContext,
    choices: Choices,
    change: Change,
    now: datetime,
    rules: ChoicesRules,
) -> Facts:
    """Returns the facts on which the access rules decide a change."""
    person_record_ids = {record_id, record.linked_to or record_id}
    blocked_ids = record.blocked_in_linked.union(choices.blocked)
    # A caller who acts for another record is refused whatever the copies say, and whether or not the record exists.
    for_another_record = caller.kind in PROXIES and caller.record_id != record_id
    return Facts(
        action="change-rights",
        change=change.action,
        actor_kind=caller.kind,
        never=caller.never,
        occupational_medicine=rules.occupational_medicine,
        profession=None if caller.profession is None else role_code(caller.profession),
        relation=record.relation_of(caller.kind, caller.id, caller.record_id, record_id, now),
        mode=access_modes.NORMAL if caller.mode == access_modes.SECRET else caller.mode,
        secret=caller.mode == access_modes.SECRET,
        record_named=any(caller.names(id) for id in person_record_ids),
        card_present=caller.patient_present in person_record_ids,
        about_self=_is_about_self(caller, change),
        record_status=record.status,
        minor=record.people is not None and record.people.is_minor,
        choices_known=True,
        copies_fresh=for_another_record or record.age.is_fresh(now, rules.max_copy_age),
        care_team_objected=choices.care_team_objected or _is_attestation_objected(choices, change),
        attending_doctor=caller.id in choices.attending_doctors,
        blocked=blocked_of(blocked_ids, caller.id, caller.organisation_id),
    )


def _is_attestation_objected(choices: Choices, change: Change) -> bool:
    return change.action == "attest-care-team" and change.subject_id in choices.attestation_objections


def _is_about_self(caller: Caller, change: Change) -> bool:
    match change.action:
        case "attest-care-team" | "end-attestation":
            own_ids: tuple[str | None, ...] = (caller.organisation_id,)
        case "block-professional":
            own_ids = (caller.id, caller.organisation_id)
        case _:
            own_ids = (caller.id,)
    return change.subject_id is not None and change.subject_id in own_ids
