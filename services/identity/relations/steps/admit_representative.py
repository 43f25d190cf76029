"""Admits a representative of a record, in the transaction of a caller who has checked their relation."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.domain.persons import coming_of_age, is_minor
from services.identity.people.steps import birth_date, load_holder
from services.identity.people.store.records import load_records_of_person
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.representation import (
    Representation,
    RepresentationExistsError,
    RepresentativeUnfitError,
    basis_at,
    check_evidence,
    initial_status,
    representation_period,
)
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.notify_family import notify_family
from services.identity.relations.steps.sync_minor_contact import sync_minor_contact
from services.identity.relations.store import minors, representations
from shared.contracts.base import Actor, Event
from shared.runtime import clock
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True, repr=False)
class StatedRepresentation:
    """The representative, the evidence and the period (None: from now, and until it ends by itself).

    `is_proven`: the evidence proves the relation to the holder, not merely acquaintance.
    """

    representative_id: UUID
    evidence: str
    reference: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_proven: bool = True


@dataclass(frozen=True, slots=True)
class AdmittedRepresentation:
    """The representation, the version of the people of the record, and the events to announce."""

    representation: Representation
    version: int
    events: tuple[Event, ...]


async def admit_representative(
    work: UnitOfWork, record_id: UUID, stated: StatedRepresentation, actor: Actor
) -> AdmittedRepresentation:
    """Locks both records in order. The first representative is in force at once if proven; others wait.

    Raises RecordUnknownError, RepresentativeUnfitError, EvidenceUnknownError, EvidenceInsufficientError,
    RepresentationPeriodInvalidError, RepresentationExistsError.
    """
    now = clock.now()
    existing = await representations.lock_records(work.connection, [record_id, stated.representative_id])
    if record_id not in existing:
        raise RecordUnknownError
    if stated.representative_id not in existing or stated.representative_id in await load_records_of_person(
        work.connection, record_id
    ):
        raise RepresentativeUnfitError
    born = birth_date(await load_holder(work, record_id))
    new = await _representation(work, record_id, stated, (born, now))
    if not await representations.insert_representation(work.connection, new):
        raise RepresentationExistsError
    if is_minor(born, now):
        await minors.insert_minor(work.connection, record_id, coming_of_age(born))
    events: list[Event] = [permitted_access(record_id, actor, "represent", new.status, subject=new.representative_id)]
    version, people = await announce_people(work.connection, record_id)
    events += people
    if new.status == "validated":
        events += await notify_of_representation(work, new)
    else:
        events += await notify_family(work, new, MessageContent("representation-requested"))
    return AdmittedRepresentation(new, version, tuple(events))


async def notify_of_representation(work: UnitOfWork, new: Representation) -> list[Event]:
    """Returns the messages about a new representation in force, to the contact on file, the other representatives and
    the new one. Afterwards a minor's contact becomes that of the first representative."""
    content = MessageContent("representation-added")
    events: list[Event] = [*await notify_family(work, new, content)]
    if new.basis == "representative-of-minor":
        events += await sync_minor_contact(work, new.record_id)
    return events


async def _representation(
    work: UnitOfWork, record_id: UUID, stated: StatedRepresentation, born_and_now: tuple[date, datetime]
) -> Representation:
    born, now = born_and_now
    starts_at, ends_at = representation_period(born, stated.starts_at, stated.ends_at, now)
    basis = basis_at(born, starts_at)
    if basis == "representative-of-adult":
        representative = await load_holder(work, stated.representative_id)
        if is_minor(birth_date(representative), now):
            raise RepresentativeUnfitError
    earlier = await representations.load_representations(work.connection, record_id)
    id = clock.new_id(bucket_of(record_id))
    return Representation(
        id=id,
        record_id=record_id,
        representative_id=stated.representative_id,
        basis=basis,
        evidence=check_evidence(basis, stated.evidence),
        reference=seal_row(work.keyrings.persons, stated.reference.encode(), "representation", id),
        status=initial_status(
            sum(representation.status == "validated" for representation in earlier), is_proven=stated.is_proven
        ),
        starts_at=starts_at,
        ends_at=ends_at,
        requested_at=now,
    )
