"""Lists the records of a signed-in person, and what waits for their answer."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.browser_sessions.usecases.name_record import NamedRecord, name_record
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.store import records
from services.identity.relations.usecases.list_people import NamedCare, list_acting_for, list_invitations
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class HomeRecord(RedactedRepr):
    """A record in which the person may act. `is_closed`: nobody deposits there, and only its holder reads."""

    record: NamedRecord
    is_closed: bool


@dataclass(frozen=True, slots=True, repr=False)
class Home(RedactedRepr):
    """What a person sees first: their own record, those of others, and invitations that they have not answered."""

    own: HomeRecord
    others: tuple[HomeRecord, ...]
    invitations: tuple[NamedCare, ...]


async def read_home(storage: Storage, holder: tuple[UUID, UUID | None]) -> Home:
    """Returns the home of the holder: record id and session id. Raises SessionOverError, RecordUnknownError."""
    own_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
    own = await _record(storage, own_id, own_id)
    acting = await list_acting_for(storage, holder)
    others = [await _record(storage, own_id, proxy.record_id) for proxy in acting]
    return Home(own, tuple(others), tuple(await list_invitations(storage, holder)))


async def _record(storage: Storage, own_id: UUID, record_id: UUID) -> HomeRecord:
    named = await name_record(storage, own_id, record_id)
    async with storage.acquire() as work:
        state = await records.load_record(work.connection, record_id)
    if state is None:
        raise RecordUnknownError
    return HomeRecord(named, state.state == "closed")
