"""Somebody changes who may see what, or who may deposit: decided, written as a new version, announced.

What is refused is told to the ledger too; nothing is ever half changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.consent.announcements import announce
from services.consent.domain.choices import NEVER_TOO_MANY, PERSONS, Change, Choices, apply_change
from services.consent.domain.states import (
    CHANGES_WITHIN,
    MOST_CHANGES,
    About,
    RecordClosedError,
    RecordNotReadyError,
    State,
    TooManyChangesError,
    VersionDiffersError,
)
from services.consent.store import copies, presences, states
from services.consent.usecases.name_subject import name_subject
from shared.access import Facts, Permit, Refusal, blocked_of, decide, encode_facts
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.professions import role_code

RESTS_ON_CARD: Final = "authorise-professional"
"""What a professional may change only while the patient's card is there."""
PROXIES: Final = PERSONS - {"patient"}


@dataclass(frozen=True, slots=True)
class Terms:
    """`copy_limit`: how old the copies may be on which somebody acts for the holder; `occupational_medicine`: the
    national parameter, never or allowed."""

    copy_limit: timedelta = timedelta(seconds=120)
    occupational_medicine: str = "never"


USUAL: Final = Terms()


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """The state after a change, and whom it was about in full. `is_known`: whether the directory has them."""

    state: State
    subject_id: str | None = None
    is_known: bool = True


class ChangeForbiddenError(ForbiddenError):
    """This is not yours to change: the person does, and professionals only what concerns themselves."""

    code = "change-not-permitted"
    french = "Ce choix ne vous appartient pas : il revient à la personne."


class PresenceUsedError(ForbiddenError):
    """This reading of the card has served already: each serves one act. Read the card again."""

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
    expected: int | None = None,
    terms: Terms = USUAL,
) -> ChangeOutcome:
    """The state afterwards; what changes nothing is no new version and is not announced.

    The change's subject may be as the caller typed it. `expected`: the version that the person's side saw; of nobody
    else is it asked, for they see no choices. Raises NotFoundError, RecordNotReadyError, RecordClosedError,
    ForbiddenError, VersionDiffersError, TooManyChangesError,
    InvalidNationalIdError, AttendingDoctorUnknownError, and what `apply_change` raises.
    """
    refused: ClientError | None = None
    async with transaction(pool) as connection:
        state = await states.lock_state(connection, record_id)
        about = await copies.find_about(connection, record_id)
        now = clock.now()
        named = await name_subject(connection, change, caller, Choices() if state is None else state.choices)
        change = named.change
        if state is None or about is None:
            raise await _unknown(connection, record_id, caller, change, now, terms)
        facts = facts_of(caller, record_id, about, state.choices, change, now, terms)
        decision = decide(facts)
        try:
            if isinstance(decision, Refusal):
                raise _error(decision, facts)
            if named.error is not None:
                raise named.error
            changed = await _changed(connection, state, caller, change, expected, now)
        except ClientError as error:
            refused, changed = error, state
        if changed is state and refused is None:
            return ChangeOutcome(state, change.subject_id, named.is_known)
        access = _access(caller, change, facts, decision, changed, refused)
        if refused is None:
            await states.update_state(connection, changed, change, caller.actor())
            await append(connection, [announce(changed.as_event()), announce(access)])
        else:
            await append(connection, [announce(access)])
    if refused is not None:
        REFUSED.labels(change.action, access.reason).inc()
        raise refused
    return ChangeOutcome(changed, change.subject_id, named.is_known)


async def _unknown(
    connection: Connection, record_id: UUID, caller: Caller, change: Change, now: datetime, terms: Terms
) -> ClientError:
    """Whose record this is may know that it is being opened; all others are answered as of any record."""
    if caller.kind in PERSONS and caller.record_id == record_id:
        return NotFoundError() if await erased_among(connection, [record_id]) else RecordNotReadyError()
    facts = facts_of(caller, record_id, About("unknown"), Choices(), change, now, terms)
    decision = decide(facts)
    return _error(decision, facts) if isinstance(decision, Refusal) else NotFoundError()


async def _changed(  # everything that may refuse a change, in one order
    connection: Connection,
    state: State,
    caller: Caller,
    change: Change,
    expected: int | None,
    now: datetime,
) -> State:
    await check_session(connection, caller.session_id)
    if expected is not None and caller.kind in PERSONS and expected != state.version:
        raise VersionDiffersError(state)
    choices = apply_change(state.choices, change, caller.kind, now)
    if choices == state.choices:
        return state
    if change.action not in NEVER_TOO_MANY:
        subject_id = None if caller.kind in PERSONS else change.subject_id
        if await states.count_changes(connection, state.record_id, now - CHANGES_WITHIN, subject_id) >= MOST_CHANGES:
            raise TooManyChangesError
    if caller.kind == "professional" and change.action == RESTS_ON_CARD:
        await _use_presence(connection, caller, now)
    return state.changed(choices, now)


async def _use_presence(connection: Connection, caller: Caller, now: datetime) -> None:
    if caller.token_id is None or not await presences.use_presence(connection, caller.token_id, now):
        raise PresenceUsedError


def _error(refusal: Refusal, facts: Facts) -> ClientError:
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


def _access(
    caller: Caller, change: Change, facts: Facts, decision: Permit | Refusal, state: State, refused: ClientError | None
) -> AccessRecorded:
    reason = decision.rule if isinstance(decision, Permit) else decision.reason
    if refused is not None and isinstance(decision, Permit):
        reason = refused.code
    return AccessRecorded(
        record_id=state.record_id,
        actor=caller.actor(),
        action=change.action,
        outcome="permitted" if refused is None else "refused",
        reason=reason,
        subject_id=change.subject_id,
        mode=caller.mode,
        rules_version=decision.rules_version,
        state_version=state.version,
        facts=encode_facts(facts),
        session_id=caller.session_id,
    )


def facts_of(
    caller: Caller, record_id: UUID, about: About, chosen: Choices, change: Change, now: datetime, terms: Terms
) -> Facts:
    """What the rules are asked with."""
    same_person = {record_id, about.linked_to or record_id}
    all_blocked = about.blocked_there.union(chosen.blocked)
    # No copy counts for who speaks for another record: refused alike whatever the copies, and whether there is one.
    for_another_record = caller.kind in PROXIES and caller.record_id != record_id
    return Facts(
        action="change-rights",
        change=change.action,
        actor_kind=caller.kind,
        never=caller.never,
        occupational_medicine=terms.occupational_medicine,
        profession=None if caller.profession is None else role_code(caller.profession),
        relation=about.relation_of(caller.kind, caller.id, caller.record_id, record_id, now),
        mode="normal" if caller.mode == "secret" else caller.mode,
        secret=caller.mode == "secret",
        record_named=any(caller.names(id) for id in same_person),
        card_present=caller.patient_present in same_person,
        about_self=_is_about_self(caller, change),
        record_status=about.status,
        minor=about.people is not None and about.people.is_minor,
        choices_known=True,
        copies_fresh=for_another_record or about.age.is_fresh(now, terms.copy_limit),
        care_team_objected=chosen.care_team_objected or _is_attestation_objected(chosen, change),
        attending_doctor=caller.id in chosen.attending_doctors,
        blocked=blocked_of(all_blocked, caller.id, caller.organisation_id),
    )


def _is_attestation_objected(chosen: Choices, change: Change) -> bool:
    return change.action == "attest-care-team" and change.subject_id in chosen.attestation_objections


def _is_about_self(caller: Caller, change: Change) -> bool:
    match change.action:
        case "attest-care-team" | "end-attestation":
            own: tuple[str | None, ...] = (caller.organisation_id,)
        case "block-professional":
            own = (caller.id, caller.organisation_id)
        case _:
            own = (caller.id,)
    return change.subject_id is not None and change.subject_id in own
