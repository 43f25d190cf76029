"""Records the death of a record's holder: the record closes, sessions and the holder's relations to others end.

Only the correction of an error reopens the record.
"""

from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest, apply_transition, count_refusal, end_life
from services.identity.people.domain.new_person import RecordUnknownError
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock


async def record_death(storage: Storage, rules: LifecycleRules, record_id: UUID, request: LifecycleRequest) -> None:
    """LifecycleRules counts from an earlier closing if there was one. If the person has two linked records, both close.
    Raises RecordUnknownError, and the refusals of the table."""
    refusal: ClientError | None = None
    announcements: list[Announcement] = []
    async with storage.transaction() as work:
        records = await lifecycle.lock_linked(work.connection, record_id)
        if not records:
            raise RecordUnknownError
        for record in records:
            refusal, changes = await apply_transition(work, rules, record, request)
            announcements += changes
            if refusal is None and record.state != "dead":
                ended = await end_life(work, record.id, clock.now(), request.actor)
                announcements += [announce(event) for event in ended]
        await append(work.connection, announcements)
    if refusal is not None:
        raise count_refusal(request, refusal)
