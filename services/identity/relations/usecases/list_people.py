"""Lists, by name, the representatives and carers of a holder, and the records in which a person may act."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import display_name, load_holder
from services.identity.people.store import records
from services.identity.people.store.records import load_records_of_person
from services.identity.relations.domain.acts_for_holder import Act, Proxy
from services.identity.relations.domain.care import CareRelation, InvitedPerson, is_invited_person
from services.identity.relations.domain.representation import Representation
from services.identity.relations.steps.check_relation import check_relation, find_proxy_relation
from services.identity.relations.store import care, representations
from shared.crypto.fingerprints import ins_parts
from shared.http.tokens import Caller
from shared.runtime import clock
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class NamedRepresentation(RedactedRepr):
    """A representation, the representative's name, and (for administrators) the reference of the evidence."""

    representation: Representation
    name: str
    reference: str | None


@dataclass(frozen=True, slots=True, repr=False)
class NamedCare(RedactedRepr):
    """A care relation with the person's name, or the name that the holder gave."""

    care: CareRelation
    name: str | None
    mail: str | None


@dataclass(frozen=True, slots=True, repr=False)
class ProxyRecord(RedactedRepr):
    """A record in which a person may act for its holder."""

    record_id: UUID
    relation: Proxy
    name: str


async def list_representatives(storage: Storage, caller: Caller, record_id: UUID) -> list[NamedRepresentation]:
    """Returns all past and present representations. Raises RecordUnknownError, RelationInsufficientError."""
    async with storage.acquire() as work:
        by_administrator = await _is_administrator(work, caller, record_id, "see-representatives")
        named = []
        for representation in await representations.load_representations(work.connection, record_id):
            name = display_name(await load_holder(work, representation.representative_id))
            reference = open_row(
                storage.keyrings.persons, representation.reference, "representation", representation.id
            ).decode()
            named.append(NamedRepresentation(representation, name, reference if by_administrator else None))
    return named


async def list_carers(storage: Storage, caller: Caller, record_id: UUID) -> list[NamedCare]:
    """Returns carers and invitations. Raises RecordUnknownError, RelationInsufficientError."""
    async with storage.acquire() as work:
        await check_relation(work, caller, record_id, "see-carers")
        return [await _named_care(work, relation) for relation in await care.load_carers(work.connection, record_id)]


async def list_invitations(storage: Storage, holder: tuple[UUID, UUID | None]) -> list[NamedCare]:
    """Returns the invitations that name the signed-in person and await their answer; `name`: of the inviting holder.
    Raises SessionOverError."""
    own_id, session_id = holder
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        person = await load_holder(work, own_id)
        invitations = await care.load_invitations(
            work.connection, storage.keyrings.ins.fingerprints(*ins_parts(person.ins))
        )
        pending = [
            invitation
            for invitation in invitations
            if invitation.status_at(clock.now()) == "pending"
            and is_invited_person(storage.keyrings, invitation, person)
        ]
        return [
            NamedCare(invitation, display_name(await load_holder(work, invitation.record_id)), None)
            for invitation in pending
        ]


async def list_acting_for(storage: Storage, holder: tuple[UUID, UUID | None]) -> list[ProxyRecord]:
    """Returns the records in which the signed-in person may act now, in the order of the requests. Raises
    SessionOverError."""
    (own_id, session_id), now, proxy_records = holder, clock.now(), list[ProxyRecord]()
    async with storage.acquire() as work:
        await check_session(work.connection, session_id)
        all_own = await load_records_of_person(work.connection, own_id)
        represented = [
            representation
            for id in all_own
            for representation in await representations.load_represented(work.connection, id)
        ]
        care_relations = [relation for id in all_own for relation in await care.load_cared_for(work.connection, id)]
        others = [relation.record_id for relation in represented] + [relation.record_id for relation in care_relations]
        for record_id in dict.fromkeys(others):
            acting = await find_proxy_relation(work, record_id, own_id, now)
            if acting is not None:
                name = display_name(await load_holder(work, record_id))
                proxy_records.append(ProxyRecord(record_id, acting.relation, name))
    return proxy_records


async def _is_administrator(work: UnitOfWork, caller: Caller, record_id: UUID, act: Act) -> bool:
    """Returns whether the caller is an administrator; otherwise checks their relation."""
    if caller.kind != "administrator":
        await check_relation(work, caller, record_id, act)
        return False
    caller.require("records.open")
    if await records.load_record(work.connection, record_id) is None:
        raise RecordUnknownError
    return True


async def _named_care(work: UnitOfWork, relation: CareRelation) -> NamedCare:
    invited = InvitedPerson.from_json(open_row(work.keyrings.persons, relation.detail, "care", relation.id))
    if relation.carer_id is not None and relation.status in ("accepted", "ended"):
        return NamedCare(relation, display_name(await load_holder(work, relation.carer_id)), invited.mail)
    names = " ".join(name for name in (invited.given_name, invited.birth_name) if name)
    return NamedCare(relation, names or None, invited.mail)
