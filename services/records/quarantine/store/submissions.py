"""Stores refused submissions, and reads them for the organisation that sent them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.records.quarantine.domain.rules import Holding
from shared.db.pool import Connection
from shared.db.tags import count_of

COLUMNS = """id, organisation_id, client_id, by_software, door, cause, size, kept_at, refused_at, expires_at,
       corrected_at"""
FIND_SUBMISSION = f"""
select {COLUMNS}, body from quarantined_submissions where organisation_id = $1 and id = $2"""  # noqa: S608  # a constant
FIND_BY_DIGEST = f"""
select {COLUMNS}, body from quarantined_submissions where organisation_id = $1 and digest = $2"""  # noqa: S608  # a constant
LIST_SUBMISSIONS = f"""
select {COLUMNS} from quarantined_submissions
where organisation_id = $1 and id > $2 and ($3::text is null or cause = $3) and ($4::text is null or door = $4)
order by id limit $5"""  # noqa: S608  # a constant
COUNT_BY_CAUSE = """
select cause, count(*) as submissions, count(size) as bodies, min(kept_at) as since from quarantined_submissions
where organisation_id = $1 group by cause order by count(*) desc, cause"""
MEASURE = """
select count(*) as rows, count(size) as bodies, coalesce(sum(size), 0)::bigint as bytes
from quarantined_submissions where organisation_id = $1"""
INSERT_SUBMISSION = """
insert into quarantined_submissions (id, organisation_id, client_id, by_software, door, digest, cause, size, body,
                                     kept_at, refused_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
on conflict on constraint quarantined_submissions_organisation_id_digest_key do nothing"""
UPDATE_REFUSAL = """
update quarantined_submissions
set cause = $3, refused_at = $4, size = $5, body = $6, resend_at = null
where id = $1 and corrected_at is not distinct from $2"""
UPDATE_BODY = """
update quarantined_submissions set body = $3, size = $4, corrected_at = $5
where id = $1 and corrected_at is not distinct from $2"""
DELETE_SUBMISSION = "delete from quarantined_submissions where organisation_id = $1 and id = $2"
SWEEP_SUBMISSIONS = """
delete from quarantined_submissions where id in (
  select id from quarantined_submissions where expires_at < $1 order by expires_at limit $2)"""
ALL: UUID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class QuarantinedSubmission:
    """A refused submission. `size`: bytes of the request, None where only its code is kept; `body`: the sealed request,
    where it was asked for."""

    id: UUID
    organisation_id: str
    client_id: str
    by_software: bool
    door: str
    cause: str
    size: int | None
    kept_at: datetime
    refused_at: datetime
    expires_at: datetime
    corrected_at: datetime | None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A refused submission to store; see QuarantinedSubmission."""

    id: UUID
    organisation_id: str
    client_id: str
    by_software: bool
    door: str
    digest: bytes
    cause: str
    size: int | None
    body: bytes | None
    kept_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CauseCount:
    """The submissions of one cause, those of them with a body, and the time of the oldest."""

    cause: str
    submissions: int
    bodies: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """A page of an organisation's submissions: after an id, of one cause and door, if these are given."""

    after: UUID = ALL
    limit: int = 100
    cause: str | None = None
    door: str | None = None


async def insert_submission(connection: Connection, new: NewSubmission) -> bool:
    """Stores a refused submission. Returns False where the same request was stored at the same moment."""
    status = await connection.execute(
        INSERT_SUBMISSION,
        new.id,
        new.organisation_id,
        new.client_id,
        new.by_software,
        new.door,
        new.digest,
        new.cause,
        new.size,
        new.body,
        new.kept_at,
        new.expires_at,
    )
    return count_of(status) == 1


async def find_submission(connection: Connection, organisation_id: str, id: UUID) -> QuarantinedSubmission | None:
    """Returns a submission of the organisation with its body; None if it has no such submission."""
    return _submission(await connection.fetchrow(FIND_SUBMISSION, organisation_id, id))


async def find_by_digest(connection: Connection, organisation_id: str, digest: bytes) -> QuarantinedSubmission | None:
    """Returns the submission of the same request, None if there is none."""
    return _submission(await connection.fetchrow(FIND_BY_DIGEST, organisation_id, digest))


async def list_submissions(
    connection: Connection, organisation_id: str, page: Selection
) -> list[QuarantinedSubmission]:
    """Returns a page of the organisation's submissions, the oldest first, without bodies."""
    rows = await connection.fetch(LIST_SUBMISSIONS, organisation_id, page.after, page.cause, page.door, page.limit)
    return [QuarantinedSubmission(**row) for row in rows]


async def count_by_cause(connection: Connection, organisation_id: str) -> list[CauseCount]:
    """Returns the causes of the organisation's submissions, the most frequent first."""
    return [CauseCount(**row) for row in await connection.fetch(COUNT_BY_CAUSE, organisation_id)]


async def measure(connection: Connection, organisation_id: str) -> Holding:
    """Returns how much the organisation has in quarantine."""
    row = await connection.fetchrow(MEASURE, organisation_id)
    assert row is not None, "counts are one row"
    return Holding(**row)


async def update_refusal(
    connection: Connection,
    submission: QuarantinedSubmission,
    cause: str,
    refused_at: datetime,
    body: bytes | None,
    size: int | None,
) -> bool:
    """Stores a further refusal, and the body or its loss.

    Returns False where the submission was corrected or destroyed meanwhile: then it stays as it is.
    """
    status = await connection.execute(
        UPDATE_REFUSAL, submission.id, submission.corrected_at, cause, refused_at, size, body
    )
    return count_of(status) == 1


async def update_body(
    connection: Connection, submission: QuarantinedSubmission, body: bytes, size: int, corrected_at: datetime
) -> bool:
    """Stores the corrected request. Returns False where it was corrected or destroyed meanwhile."""
    status = await connection.execute(UPDATE_BODY, submission.id, submission.corrected_at, body, size, corrected_at)
    return count_of(status) == 1


async def delete_submission(connection: Connection, organisation_id: str, id: UUID) -> bool:
    """Destroys a submission of the organisation. Returns whether there was one."""
    return count_of(await connection.execute(DELETE_SUBMISSION, organisation_id, id)) == 1


def _submission(row: asyncpg.Record | None) -> QuarantinedSubmission | None:
    return None if row is None else QuarantinedSubmission(**row)


DUE = f"""
select {COLUMNS} from quarantined_submissions where resend_at <= $1 order by resend_at limit $2"""  # noqa: S608  # a constant
POSTPONE = "update quarantined_submissions set resend_at = $2 where id = $1 and resend_at is not null"
STOP_RESENDING = """
update quarantined_submissions set resend_at = null, cause = $2 where id = $1 and resend_at is not null"""


async def list_due(connection: Connection, now: datetime, limit: int) -> Sequence[QuarantinedSubmission]:
    """Returns submissions that are to be sent again by themselves."""
    return [QuarantinedSubmission(**row) for row in await connection.fetch(DUE, now, limit)]


async def postpone(connection: Connection, id: UUID, resend_at: datetime) -> None:
    """Lets a submission that is to be sent again wait until then."""
    await connection.execute(POSTPONE, id, resend_at)


async def stop_resending(connection: Connection, id: UUID, cause: str) -> None:
    """Leaves a submission to its organisation."""
    await connection.execute(STOP_RESENDING, id, cause)
