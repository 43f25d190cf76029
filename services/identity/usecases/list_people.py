"""Who represents and cares for the holder of a record, and for whom somebody may act: by name, for those concerned."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.acting import Act, Proxy
from services.identity.domain.care import Care, Invited
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.representation import Representation
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import care, records, representations
from services.identity.store.links import records_of_person
from services.identity.usecases.answer_invitation import is_for
from services.identity.usecases.check_relation import acting_as, check_relation
from services.identity.usecases.check_session import check_session
from services.identity.usecases.load_holder import display_name, load_holder
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool
from shared.http.tokens import Caller
from shared.runtime import clock
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class NamedRepresentation(RedactedRepr):
    """A representation, who it is, and (for administrators) the reference of the evidence."""

    representation: Representation
    name: str
    reference: str | None


@dataclass(frozen=True, slots=True, repr=False)
class NamedCare(RedactedRepr):
    """A carer or somebody invited, by name or as the holder named them."""

    care: Care
    name: str | None
    mail: str | None


@dataclass(frozen=True, slots=True, repr=False)
class ActingFor(RedactedRepr):
    """A record in which somebody may act for its holder."""

    record_id: UUID
    relation: Proxy
    name: str


async def list_representatives(
    pool: Pool, keyrings: Keyrings, asking: Caller, record_id: UUID
) -> list[NamedRepresentation]:
    """All that ever were. Raises RecordUnknownError, RelationInsufficientError."""
    async with pool.acquire() as connection:
        by_administrator = await _check(connection, keyrings, asking, record_id, "see-representatives")
        found = []
        for one in await representations.representations_of(connection, record_id):
            name = display_name(await load_holder(connection, keyrings, one.representative_id))
            reference = open_row(keyrings.persons, one.reference, "representation", one.id).decode()
            found.append(NamedRepresentation(one, name, reference if by_administrator else None))
    return found


async def list_carers(pool: Pool, keyrings: Keyrings, asking: Caller, record_id: UUID) -> list[NamedCare]:
    """Carers and invitations. Raises RecordUnknownError, RelationInsufficientError."""
    async with pool.acquire() as connection:
        await check_relation(connection, keyrings, asking, record_id, "see-carers")
        return [await _named(connection, keyrings, one) for one in await care.carers_of(connection, record_id)]


async def list_invitations(pool: Pool, keyrings: Keyrings, own: tuple[UUID, UUID | None]) -> list[NamedCare]:
    """What somebody signed in may answer because they were named; `name` is that of the holder who invites. `own`:
    their record id and session id. Raises SessionOverError."""
    own_id, session_id = own
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        person = await load_holder(connection, keyrings, own_id)
        found = await care.invitations_of(connection, keyrings.ins.fingerprints(*ins_parts(person.ins)))
        open_ones = [one for one in found if one.status_at(clock.now()) == "pending" and is_for(keyrings, one, person)]
        return [
            NamedCare(one, display_name(await load_holder(connection, keyrings, one.record_id)), None)
            for one in open_ones
        ]


async def list_acting_for(pool: Pool, keyrings: Keyrings, own: tuple[UUID, UUID | None]) -> list[ActingFor]:
    """The records in which somebody may act now, in the order in which they were asked to. `own`: their record id and
    session id. Raises SessionOverError."""
    (own_id, session_id), now, found = own, clock.now(), list[ActingFor]()
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        all_own = await records_of_person(connection, own_id)
        represented = [one for id in all_own for one in await representations.represented_by(connection, id)]
        cared = [one for id in all_own for one in await care.cared_by(connection, id)]
        others = [one.record_id for one in represented] + [one.record_id for one in cared]
        for record_id in dict.fromkeys(others):
            acting = await acting_as(connection, keyrings, record_id, own_id, now)
            if acting is not None:
                name = display_name(await load_holder(connection, keyrings, record_id))
                found.append(ActingFor(record_id, acting.relation, name))
    return found


async def _check(connection: Connection, keyrings: Keyrings, asking: Caller, record_id: UUID, act: Act) -> bool:
    """Whether an administrator asks."""
    if asking.kind != "administrator":
        await check_relation(connection, keyrings, asking, record_id, act)
        return False
    asking.require("records.open")
    if await records.load_record(connection, record_id) is None:
        raise RecordUnknownError
    return True


async def _named(connection: Connection, keyrings: Keyrings, one: Care) -> NamedCare:
    invited = Invited.from_json(open_row(keyrings.persons, one.detail, "care", one.id))
    if one.carer_id is not None and one.status in ("accepted", "ended"):
        return NamedCare(one, display_name(await load_holder(connection, keyrings, one.carer_id)), invited.mail)
    names = " ".join(name for name in (invited.given_name, invited.birth_name) if name)
    return NamedCare(one, names or None, invited.mail)
