"""The routes of representatives, tokens to act for another person, and people to call."""

from uuid import UUID

from fastapi import APIRouter

from services.identity.accounts.api.dependencies import Holder, NoStore
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.kit.unit_of_work import Storage
from services.identity.relations.domain.representation import RepresentationAction
from services.identity.relations.models.people import (
    ActingForBody,
    ActingForView,
    ActingTokenView,
    PeopleToCallBody,
    PeopleToCallView,
    RepresentationAnswerBody,
    RepresentationView,
    RepresentativeBody,
    RepresentativeView,
)
from services.identity.relations.steps.admit_representative import AdmittedRepresentation
from services.identity.relations.usecases.act_for import act_for
from services.identity.relations.usecases.add_representative import add_representative
from services.identity.relations.usecases.answer_representation import answer_representation
from services.identity.relations.usecases.list_people import list_acting_for, list_representatives
from services.identity.relations.usecases.put_people_to_call import put_people_to_call
from services.identity.relations.usecases.read_people_to_call import read_people_to_call
from shared.errors import ForbiddenError
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.http.tokens import Caller

router = APIRouter(route_class=Door, tags=["people of a record"])
INS_PROBLEMS = "ins-malformed, ins-system-unknown, ins-key-wrong"
EVIDENCE_PROBLEMS = "evidence-unknown, evidence-insufficient, representative-unfit, representation-period-invalid"


def require_administrator(caller: Caller) -> None:
    """Raises ForbiddenError unless the caller is an administrator with the scope records.open."""
    if caller.kind != "administrator":
        raise ForbiddenError
    caller.require("records.open")


@router.post(
    "/records/{record_id}/representatives",
    operation_id="addRepresentative",
    summary="Add a representative of the holder",
    status_code=201,
    responses=problems(
        _403="forbidden",
        _404="record-unknown",
        _409="representation-exists",
        _422=f"{INS_PROBLEMS}, {EVIDENCE_PROBLEMS}",
    ),
)
async def post_representative(
    record_id: UUID, body: RepresentativeBody, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> RepresentationView:
    """Adds a representative, for an administrator with the scope records.open.

    `state`: validated for the first representative, waiting for a later one.
    """
    require_administrator(caller)
    admission = await add_representative(storage, record_id, body.representative_ins(), body.stated(), caller.actor())
    return RepresentationView.of(admission)


@router.get(
    "/records/{record_id}/representatives",
    operation_id="listRepresentatives",
    summary="List the representatives of the holder",
    responses=problems(_401="session-over", _403="relation-insufficient, forbidden", _404="record-unknown"),
)
async def get_representatives(
    record_id: UUID, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> list[RepresentativeView]:
    """Lists the representatives, for the holder, representatives, and an administrator with the scope records.open."""
    named_representations = await list_representatives(storage, caller, record_id)
    return [RepresentativeView.of(named) for named in named_representations]


_ANSWER_PROBLEMS = problems(
    _401="session-over",
    _403="forbidden, relation-insufficient",
    _404="record-unknown, representation-unknown",
    _409="representation-over",
)


@router.post(
    "/records/{record_id}/representatives/{representation_id}/answer",
    operation_id="answerRepresentation",
    summary="Validate or refuse a waiting representation",
    responses=_ANSWER_PROBLEMS,
)
async def post_representation_answer(  # FastAPI injects each parameter
    record_id: UUID,
    representation_id: UUID,
    body: RepresentationAnswerBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
) -> RepresentationView:
    """Answers a waiting representation.

    An administrator with the scope records.open may answer, and another representative acting for the holder.
    """
    action: RepresentationAction = "validate" if body.answer == "validated" else "refuse"
    return await _answer(storage, caller, record_id, (representation_id, action))


@router.delete(
    "/records/{record_id}/representatives/{representation_id}",
    operation_id="endRepresentation",
    summary="End a representation",
    responses=_ANSWER_PROBLEMS,
)
async def delete_representative(
    record_id: UUID, representation_id: UUID, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> RepresentationView:
    """Ends a representation, for an administrator with the scope records.open."""
    return await _answer(storage, caller, record_id, (representation_id, "end"))


async def _answer(
    storage: Storage, caller: Caller, record_id: UUID, answer: tuple[UUID, RepresentationAction]
) -> RepresentationView:
    representation, version = await answer_representation(storage, caller, record_id, *answer)
    return RepresentationView.of(AdmittedRepresentation(representation, version, ()))


@router.get(
    "/acting-for",
    operation_id="listActingFor",
    summary="List the records in which the caller may act",
    responses=problems(_401="session-over", _403="holder-needed"),
)
async def get_acting_for(holder_session: Holder, storage: ProvidedStorage) -> list[ActingForView]:
    """Returns the records whose holders the caller represents or cares for now."""
    return [ActingForView.of(record) for record in await list_acting_for(storage, holder_session)]


@router.post(
    "/token/acting-for",
    operation_id="actFor",
    summary="Issue a token to act for another person",
    dependencies=[NoStore],
    responses=problems(_401="session-over", _403="holder-needed", _404="record-unknown"),
)
async def post_acting_for(
    body: ActingForBody,
    caller: AuthenticatedCaller,
    holder_session: Holder,
    storage: ProvidedStorage,
    issuer: ProvidedIssuer,
) -> ActingTokenView:
    """Returns a token to act for the holder, as representative or as carer.

    The token is valid for five minutes. Acts with it are recorded with both ids.
    """
    token, relation = await act_for(storage, issuer, caller, holder_session.record_id, body.record_id)
    return ActingTokenView.of(token, relation)


@router.get(
    "/records/{record_id}/people-to-call",
    operation_id="getPeopleToCall",
    summary="Read the list of people to call",
    responses=problems(_401="session-over", _404="record-unknown"),
)
async def get_people_to_call(
    record_id: UUID, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> PeopleToCallView:
    """Returns the people to call, for the holder, representatives and carers."""
    return PeopleToCallView.of(await read_people_to_call(storage, caller, record_id))


@router.put(
    "/records/{record_id}/people-to-call",
    operation_id="putPeopleToCall",
    summary="Replace the list of people to call",
    responses=problems(
        _401="session-over", _403="relation-insufficient", _404="record-unknown", _422="people-to-call-invalid"
    ),
)
async def put_people_to_call_list(
    record_id: UUID, body: PeopleToCallBody, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> PeopleToCallView:
    """Replaces the people to call, for the holder and representatives.

    The list has ten people at most, one trusted person at most.
    """
    people = tuple(person.person() for person in body.people)
    await put_people_to_call(storage, caller, record_id, people)
    return PeopleToCallView.of(people)
