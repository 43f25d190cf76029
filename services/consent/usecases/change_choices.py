"""Somebody changes who may see what, or who may deposit: decided, written as a new version, announced.

What is refused is told to the ledger too; nothing is ever half changed.
"""

from datetime import datetime
from uuid import UUID

from services.consent.domain.choices import NEVER_TOO_MANY, Change, apply_change
from services.consent.domain.states import (
    CHANGES_WITHIN,
    MOST_CHANGES,
    About,
    RecordNotReadyError,
    State,
    TooManyChangesError,
    VersionDiffersError,
)
from services.consent.store import copies, states
from shared import clock
from shared.access import Facts, Permit, Refusal, decide, told
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasing import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append
from shared.terminology.professions import role_code


class ChangeForbiddenError(ForbiddenError):
    """This is not yours to change: the person does, and professionals only what concerns themselves."""

    code = "change-not-permitted"
    french = "Ce choix ne vous appartient pas : il revient à la personne."


async def change_choices(
    pool: Pool, record_id: UUID, caller: Caller, change: Change, expected: int | None = None
) -> State:
    """The state afterwards; what changes nothing is no new version and is not announced.

    `expected`: the version that the caller saw. Raises NotFoundError, RecordNotReadyError, ForbiddenError,
    VersionDiffersError, TooManyChangesError, and what `apply_change` raises.
    """
    refused: ClientError | None = None
    async with transaction(pool) as connection:
        state, about = await _load(connection, record_id)
        now = clock.now()
        facts = facts_of(caller, record_id, about, state, change, now)
        decision = decide(facts)
        try:
            changed = await _changed(connection, state, caller, change, expected, decision, now)
        except ClientError as error:
            refused, changed = error, state
        if changed is state and refused is None:
            return state
        access = _access(caller, change, facts, decision, changed, refused)
        if refused is None:
            await states.update_state(connection, changed, change, caller.actor())
            await append(connection, [announce(changed.as_event()), announce(access)])
        else:
            await append(connection, [announce(access)])
    if refused is not None:
        REFUSED.labels(change.action, access.reason).inc()
        raise refused
    return changed


async def _load(connection: Connection, record_id: UUID) -> tuple[State, About]:
    state = await states.lock_state(connection, record_id)
    about = await copies.find_about(connection, record_id)
    if state is None or about is None:
        raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
    return state, about


async def _changed(  # everything that may refuse a change, in one order
    connection: Connection,
    state: State,
    caller: Caller,
    change: Change,
    expected: int | None,
    decision: Permit | Refusal,
    now: datetime,
) -> State:
    if isinstance(decision, Refusal):
        raise _error(decision)
    if expected is not None and expected != state.version:
        raise VersionDiffersError(state)
    choices = apply_change(state.choices, change, caller.kind, now)
    if choices == state.choices:
        return state
    if change.action not in NEVER_TOO_MANY:
        since = now - CHANGES_WITHIN
        if await states.count_changes(connection, state.record_id, since, MOST_CHANGES) >= MOST_CHANGES:
            raise TooManyChangesError
    return state.changed(choices, now)


def _error(refusal: Refusal) -> ClientError:
    match refusal:
        case Refusal(retry=True):
            return UncheckableError()
        case Refusal(by_choice=True):
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
        facts=told(facts),
        session_id=caller.session_id,
    )


def facts_of(caller: Caller, record_id: UUID, about: About, state: State, change: Change, now: datetime) -> Facts:
    """What the rules are asked with."""
    chosen = state.choices
    in_person = caller.id in chosen.blocked
    by_structure = caller.organisation_id is not None and caller.organisation_id in chosen.blocked
    blocked = "both" if in_person and by_structure else "professional" if in_person else "structure"
    return Facts(
        action="change-rights",
        change=change.action,
        actor_kind=caller.kind,
        profession=None if caller.profession is None else role_code(caller.profession),
        relation=about.relation_of(caller.kind, caller.id, caller.record_id, record_id, now),
        mode="normal" if caller.mode == "secret" else caller.mode,
        secret=caller.mode == "secret",
        card_present=caller.patient_present == record_id,
        about_self=_is_about_self(caller, change),
        record_status=about.status,
        minor=about.people is not None and about.people.is_minor,
        choices_known=True,
        copies_fresh=True,
        care_team_objected=chosen.care_team_objected,
        attending_doctor=caller.id in chosen.attending_doctors,
        blocked=blocked if in_person or by_structure else "none",
    )


def _is_about_self(caller: Caller, change: Change) -> bool:
    own = caller.organisation_id if change.action in ("attest-care-team", "end-attestation") else caller.id
    return own is not None and change.subject_id == own
