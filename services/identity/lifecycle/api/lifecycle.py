"""The routes of a record's life cycle: closing, reopening, the holder's death, and objections to opening."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header

from services.identity.accounts.api.dependencies import ProvidedAccountRules
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleAction, LifecycleRules, party_of
from services.identity.lifecycle.models import CloseBody, ObjectionBody, ObjectionView
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.close_record import close_record
from services.identity.lifecycle.usecases.move_record import move_record
from services.identity.lifecycle.usecases.object_to_opening import object_to_opening
from services.identity.lifecycle.usecases.read_record import read_record
from services.identity.lifecycle.usecases.record_death import record_death
from services.identity.people.domain.persons import PersonRules
from services.identity.people.models import ProvidedPersonRules, RecordView
from shared.db.pool import Pool
from shared.http.app import AuthenticatedCaller
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.http.prefer import seconds_to_wait, wait_for
from shared.http.tokens import Caller

router = APIRouter(route_class=Door, tags=["life of a record"])
ProvidedLifecycleRules = Annotated[LifecycleRules, Depends(provided(LifecycleRules))]
SCOPE = "records.open"
Prefer = Annotated[str | None, Header(description="`wait=N`: waits up to N seconds (10 at most) until it is in force")]


@router.post(
    "/records/{record_id}/close",
    operation_id="closeRecord",
    summary="Close one's own record",
    responses=problems(
        _401="session-over",
        _403="forbidden, password-needed, password-wrong",
        _404="record-unknown",
        _429="too-many-tries",
    ),
)
async def post_close(
    record_id: UUID,
    body: CloseBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    rules: ProvidedLifecycleRules,
    prefer: Prefer = None,
) -> RecordView:
    """Closes the record, for its holder, who confirms with the password.

    Once this is in force, only the holder reads and nobody deposits. It has no effect on reimbursements. Reopening
    within ten years restores everything.
    """
    request = lifecycle_request("close", caller, record_id)
    await close_record(storage, account_rules, rules, record_id, request, body.password)
    return await _record_in_force(storage.pool, record_id, prefer)


@router.post(
    "/records/{record_id}/reopen",
    operation_id="reopenRecord",
    summary="Reopen a closed record",
    responses=problems(
        _401="session-over", _403="forbidden", _404="record-unknown", _409="holder-deceased, retention-over"
    ),
)
async def post_reopen(
    record_id: UUID,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    rules: ProvidedLifecycleRules,
    prefer: Prefer = None,
) -> RecordView:
    """Reopens the record, for its holder or an administrator with the scope records.open."""
    request = lifecycle_request("reopen", caller, record_id)
    await move_record(storage, rules, record_id, request)
    return await _record_in_force(storage.pool, record_id, prefer)


@router.post(
    "/records/{record_id}/death",
    operation_id="recordDeath",
    summary="Record the holder's death",
    responses=problems(_403="needs the scope records.open", _404="record-unknown"),
)
async def post_death(
    record_id: UUID,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    rules: ProvidedLifecycleRules,
    prefer: Prefer = None,
) -> RecordView:
    """Records the holder's death, for an administrator.

    The record closes; an administrator reopens it if the death was recorded in error.
    """
    request = lifecycle_request("record-death", caller, record_id)
    await record_death(storage, rules, record_id, request)
    return await _record_in_force(storage.pool, record_id, prefer)


_OBJECTION_PROBLEMS = problems(
    _403="needs the scope records.open",
    _409="traits-differ",
    _422="ins-malformed, ins-system-unknown, ins-key-wrong, traits-invalid",
)


@router.put(
    "/opening-objections",
    operation_id="objectToOpening",
    summary="Object to the opening of a person's record",
    responses=_OBJECTION_PROBLEMS,
)
async def put_objection(
    body: ObjectionBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    persons: ProvidedPersonRules,
    rules: ProvidedLifecycleRules,
) -> ObjectionView:
    """Records a person's objection to a record, for an administrator on the person's statement.

    No campaign opens a record for the person; an open record closes. It has no effect on reimbursements.
    """
    return await _object("object", body, caller, storage, persons, rules)


@router.post(
    "/opening-objections/withdraw",
    operation_id="withdrawOpeningObjection",
    summary="Withdraw an objection to opening",
    responses=_OBJECTION_PROBLEMS,
)
async def post_withdrawal(
    body: ObjectionBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    persons: ProvidedPersonRules,
    rules: ProvidedLifecycleRules,
) -> ObjectionView:
    """Withdraws a person's objection, for an administrator on the person's statement.

    A closed record stays closed and is reopened separately. (This is a POST, because a DELETE carries no body and a
    number has no place in a URL.)
    """
    return await _object("withdraw-objection", body, caller, storage, persons, rules)


async def _object(
    action: LifecycleAction,
    body: ObjectionBody,
    caller: Caller,
    storage: Storage,
    persons: PersonRules,
    rules: LifecycleRules,
) -> ObjectionView:
    caller.require(SCOPE)
    request = LifecycleRequest(action, party_of(caller.kind, None, None), caller.actor(), body.channel)
    outcome = await object_to_opening(storage, rules, body.person(), request, test_keys=persons.test_nir_keys)
    return ObjectionView.of(outcome)


def lifecycle_request(action: LifecycleAction, caller: Caller, record_id: UUID) -> LifecycleRequest:
    """Returns the request of this caller. Raises ForbiddenError, RecordUnknownError."""
    party = party_of(caller.kind, caller.record_id, record_id)
    if party not in ("holder", "representative", "carer"):
        caller.require(SCOPE)
        return LifecycleRequest(action, party, caller.actor(), "phone-agent")
    return LifecycleRequest(action, party, caller.actor(), "online", caller.session_id)


async def _record_in_force(pool: Pool, record_id: UUID, prefer: str | None) -> RecordView:
    record_state = await wait_for(
        lambda: read_record(pool, record_id), lambda record: record.is_in_force, seconds_to_wait(prefer)
    )
    return RecordView.of(record_state)
