"""Keeps a refused submission for its depositor, before the refusal is answered. The refusal itself never changes.

The body is kept only where every person whom the documents are about has an open record, unless the national parameter
`quarantine-unknown` says otherwise: of others, cause, time and a keyed digest are kept, and nothing that leads to them.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.records.kit.metrics import QUARANTINED
from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.context import QuarantineContext, QuarantineDoor
from services.records.quarantine.domain.requests import (
    RefusedRequest,
    StatedPersons,
    digest_of,
    organisation_key_id,
    seal_request,
)
from services.records.quarantine.domain.rules import Holding
from services.records.quarantine.store import keys, persons, submissions
from services.records.quarantine.store.submissions import NewSubmission, QuarantinedSubmission
from services.records.tracking.steps.depositor import Depositor
from shared.crypto.fingerprints import ins_parts
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.db.pool import Connection, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, TransientError
from shared.runtime import clock
from shared.terminology import access_modes

Kept = Literal["body", "code", "nothing", "repeated"]


@dataclass(frozen=True, slots=True)
class RequestSubjects:
    """Those whom a request states. `records`: INS fingerprint, under each key of the ring -> the record it finds.

    `have_open_records`: whether everybody whom the documents are about has one. `may_be_kept`: whether the body may be.
    """

    records: dict[str, UUID | None]
    have_open_records: bool
    may_be_kept: bool


async def keep_refused(
    context: QuarantineContext, depositor: Depositor, request: RefusedRequest, error: ClientError
) -> None:
    """Keeps a request that was refused for a cause that the depositor can mend; the same request again is one row.

    Nothing is kept of what a professional sends in a minor's secret connection: whoever sends it again is in none.
    Raises no error that another attempt would mend: the sender has the refusal, and its own copy.
    """
    door = context.doors[request.door]
    cause = door.cause_of(error)
    if cause is None or depositor.is_of_patient_side or depositor.caller.mode == access_modes.SECRET:
        return
    stated = await stated_persons(door, request)
    kept: str
    try:
        async with transaction(context.pool) as connection:
            kept = await _keep(connection, context, depositor, request, cause, stated)
    except (TransientError, *DATABASE_ERRORS) as failure:
        if not isinstance(failure, TransientError) and not is_transient(failure):
            raise
        kept = "failed"
    QUARANTINED.labels(request.door, kept).inc()


async def _keep(
    connection: Connection,
    context: QuarantineContext,
    depositor: Depositor,
    request: RefusedRequest,
    cause: str,
    stated: StatedPersons,
) -> Kept:
    subjects = await find_subjects(connection, context, stated)
    key = await organisation_key(connection, context, depositor.owner)
    digest = await in_thread_if_large(len(request.body), digest_of, key, request)
    earlier = await submissions.find_by_digest(connection, depositor.owner, digest)
    if earlier is not None:
        if earlier.corrected_at is None:
            await keep_again(connection, context, earlier, request, cause, subjects)
        return "repeated"
    holding = await _holding_of(connection, context, depositor.owner)
    if not holding.has_room_for_code(context.rules):
        return "nothing"
    keeps = subjects.may_be_kept and holding.has_room_for_body(context.rules, len(request.body))
    id, now = clock.new_id(), clock.now()
    period = context.rules.period_of(has_open_record=subjects.have_open_records, has_body=keeps)
    new = NewSubmission(
        id=id,
        organisation_id=depositor.owner,
        client_id=depositor.caller.client_id,
        by_software=depositor.caller.kind == "software",
        door=request.door,
        digest=digest,
        cause=cause,
        size=len(request.body) if keeps else None,
        body=await sealed(key, id, request) if keeps else None,
        kept_at=now,
        expires_at=now + period,
    )
    if not await submissions.insert_submission(connection, new):
        return "repeated"
    context.holdings.add(depositor.owner, new.size)
    if keeps:
        await persons.insert_persons(connection, id, subjects.records)
    return "body" if keeps else "code"


async def _holding_of(connection: Connection, context: QuarantineContext, organisation_id: str) -> Holding:
    now = asyncio.get_running_loop().time()
    holding = context.holdings.get(organisation_id, now)
    if holding is None:
        holding = await submissions.measure(connection, organisation_id)
        context.holdings.put(organisation_id, holding, now)
    return holding


async def keep_again(
    connection: Connection,
    context: QuarantineContext,
    earlier: QuarantinedSubmission,
    request: RefusedRequest,
    cause: str,
    subjects: RequestSubjects,
) -> None:
    """Stores a further refusal of a request that is here: its body goes where it may not be kept any more, and comes
    where it may be kept now."""
    body = earlier.body
    if not subjects.may_be_kept:
        body = None
    elif body is None:
        holding = await _holding_of(connection, context, earlier.organisation_id)
        if holding.has_room_for_body(context.rules, len(request.body)):
            key = await organisation_key(connection, context, earlier.organisation_id)
            body = await sealed(key, earlier.id, request)
    size = None if body is None else len(request.body)
    is_here = await submissions.update_refusal(connection, earlier, cause, clock.now(), body, size)
    if is_here and body is not None:
        await persons.insert_persons(connection, earlier.id, subjects.records)
    elif is_here:
        await persons.delete_persons(connection, earlier.id)


async def stated_persons(door: QuarantineDoor, request: RefusedRequest) -> StatedPersons:
    """Returns every INS that a request states. A small archive may hold much: it is read in a thread, too."""
    return await asyncio.to_thread(door.persons_of, request.body)


async def find_subjects(connection: Connection, context: QuarantineContext, stated: StatedPersons) -> RequestSubjects:
    """Returns what is known of the persons of a request. No erasure of their records begins before this transaction
    ends."""
    fingerprints = {ins: context.ins_hmac.fingerprints(*ins_parts(ins)) for ins in stated}
    every_form = [fingerprint for forms in fingerprints.values() for fingerprint in forms]
    by_form = await persons.find_records(connection, every_form)
    erased = await erased_among(connection, {record.id for record in by_form.values()})
    records: dict[str, UUID | None] = {}
    open_persons = set()
    for ins, forms in fingerprints.items():
        record = next((by_form[form] for form in forms if form in by_form), None)
        records |= dict.fromkeys(forms, None if record is None else record.id)
        if record is not None and record.is_open and record.id not in erased:
            open_persons.add(ins)
    have_open_records = bool(stated.subjects) and stated.subjects <= open_persons
    may_be_kept = bool(stated.subjects) and not erased and context.rules.keeps_body(has_open_record=have_open_records)
    return RequestSubjects(records, have_open_records, may_be_kept)


async def organisation_key(connection: Connection, context: QuarantineContext, organisation_id: str) -> bytes:
    """Returns the organisation's data key, made where it has none yet."""
    id = organisation_key_id(organisation_id)
    key = await keys.find_key(connection, id)
    if key is None:
        await keys.insert_key(connection, id, context.keys.new_key(id))
        key = await keys.find_key(connection, id)
        assert key is not None, "it was stored by this transaction or another one"
    return context.keys.unwrap(id, key)


async def sealed(key: bytes, id: UUID, request: RefusedRequest) -> bytes:
    """Returns the sealed request."""
    return await in_thread_if_large(len(request.body), seal_request, key, id, request)
