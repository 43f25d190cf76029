"""The routes that open a record and show its state."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response

from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.lifecycle.usecases.read_record import read_record
from services.identity.openings.domain.channels import OpeningCaller, administrative_channel
from services.identity.openings.usecases.open_record import open_record
from services.identity.people.domain.new_person import RecordState, RecordUnknownError
from services.identity.people.models import OpenRecordBody, ProvidedPersonRules, RecordView
from shared.db.pool import Pool
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.http.prefer import seconds_to_wait, wait_for

router = APIRouter(route_class=Door, tags=["records"])
Prefer = Annotated[str | None, Header(description="`wait=N`: waits up to N seconds (10 at most) until it is in force")]


@router.post(
    "/records",
    operation_id="openRecord",
    summary="Open the record of an insured person",
    status_code=201,
    responses={
        200: {"model": RecordView, "description": "The record existed; its contact on file is kept"},
        201: {"model": RecordView, "description": "Opened and in force"},
        202: {"model": RecordView, "description": "Opened, not in force yet"},
        **problems(
            _403="needs the scope records.open",
            _409="identity-not-qualified, traits-differ",
            _422="ins-malformed, ins-system-unknown, ins-key-wrong, traits-invalid, mail-invalid, language-unknown, "
            "channel-unknown, identity-status-unknown",
        ),
    },
)
async def post_record(
    body: OpenRecordBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    persons: ProvidedPersonRules,
    prefer: Prefer = None,
) -> RecordView:
    """Opens a record.

    Verifies the key of the number, opens the record and announces it to all services; reads and deposits apply it once
    it is "in force". Another request for this person returns the existing record.
    """
    caller.require("records.open")
    record_id, is_new = await open_record(
        storage,
        body.person(),
        body.parsed_contact(),
        caller.actor(),
        channel=administrative_channel(OpeningCaller(caller.kind, caller.scopes), body.channel),
        test_keys=persons.test_nir_keys,
    )
    record = await _record_in_force(storage.pool, record_id, prefer)
    response.headers["location"] = f"/records/{record_id}"
    response.status_code = (201 if record.is_in_force else 202) if is_new else 200
    return RecordView.of(record)


@router.get(
    "/records/{record_id}",
    operation_id="getRecord",
    summary="Read whether a record is in force",
    responses=problems(
        _401="session-over",
        _403="needs the scope records.open, or the record's own holder",
        _404="record-unknown",
        _422="invalid",
    ),
)
async def get_record(
    record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool, prefer: Prefer = None
) -> RecordView:
    """Returns the state of a record, for the software that opened it and for its holder."""
    if caller.kind != "patient":
        caller.require("records.open")
    elif caller.record_id != record_id:
        raise RecordUnknownError
    return RecordView.of(await _record_in_force(pool, record_id, prefer, caller.session_id))


async def _record_in_force(
    pool: Pool, record_id: UUID, prefer: str | None, session_id: UUID | None = None
) -> RecordState:
    return await wait_for(
        lambda: read_record(pool, record_id, session_id), lambda record: record.is_in_force, seconds_to_wait(prefer)
    )
