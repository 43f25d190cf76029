"""Activation codes, stated contacts, the médecin traitant, and rate limits. Rate limits are counted in a transaction of
their own; all else runs in the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.identity.directory import store as directory
from services.identity.figures import store as figures
from services.identity.kit import store as rates
from services.identity.kit.readable_codes import grouped_code
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleState
from services.identity.openings.domain.activation import CodeBatch, issued_code, new_code_batch, open_code_batch
from services.identity.openings.domain.online import RATE_LIMITS, TooManyOpeningsError, window_wait
from services.identity.openings.domain.openings import (
    OpeningRules,
    UnreachableError,
    check_attending_doctor,
    merged_contact_details,
    request_by_any_channel,
)
from services.identity.openings.domain.proposals import (
    MAX_PENDING,
    ContactProposal,
    contact_hashes,
    effective_from,
    is_unreachable,
    new_contact,
    objection_hashes,
)
from services.identity.openings.domain.records import NewRecord, new_record
from services.identity.openings.store import activation, openings, proposals
from services.identity.people.domain.contacts import MessageContent, utc_minute
from services.identity.people.domain.insured import ContactDetails
from services.identity.people.domain.new_person import Contact, OpeningChannel, Person
from services.identity.people.domain.persons import check_may_share_ins
from services.identity.people.store import records
from services.identity.relations.domain.care import new_invitation_code
from services.identity.relations.steps.note_minor import note_minor
from services.identity.relations.store import people
from shared.contracts.base import Actor, Event
from shared.contracts.notify import MessageRequested
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.runtime.metrics import REFUSED

CodeChannel = Literal["mail", "letter", "sms"]


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """The mail, letter or SMS with the code, which the caller announces."""

    message: MessageRequested

    @property
    def channel(self) -> CodeChannel:
        """Returns the channel of the message."""
        return self.message.channel


async def issue_code(
    work: UnitOfWork, lookups: Keyring, record_id: UUID, person: str, contact_details: ContactDetails
) -> CodeMessage:
    """Issues the next code of a record from the batch of the month, and revokes earlier ones. `person`: the fingerprint
    of the INS. Raises UnreachableError."""
    now = clock.now()
    batch = await batch_for(work, f"assisted-{now:%Y-%m}", now)
    attempt = await activation.last_attempt(work.connection, record_id) + 1
    await activation.revoke_codes(work.connection, record_id, now)
    issued = issued_code(batch, lookups, record_id, person, attempt, now)
    await activation.insert_codes(work.connection, [issued])
    note = MessageContent(
        "activation-code", code_values(batch.code(person, attempt), issued.expires_at), issued.expires_at
    )
    message = request_by_any_channel(work.keyrings.contacts, clock.new_id(), record_id, contact_details, note)
    if message is None:
        raise UnreachableError
    return CodeMessage(message)


async def batch_for(work: UnitOfWork, purpose: str, now: datetime) -> CodeBatch:
    """Returns the batch for that purpose, created with a new key if there is none."""
    batch_row = await activation.load_code_batch(work.connection, purpose)
    if batch_row is None:
        batch, sealed = new_code_batch(clock.new_id(), work.keyrings.persons)
        await activation.insert_code_batch(work.connection, batch.id, purpose, sealed, now)
        batch_row = await activation.load_code_batch(work.connection, purpose)
        assert batch_row is not None, "the batch was inserted by the previous statement"
    return open_code_batch(*batch_row, work.keyrings.persons)


def code_values(code: str, expires_at: datetime) -> dict[str, str]:
    """Returns the values that the letter shows."""
    return {"code": grouped_code(code), "valid_until": expires_at.date().isoformat()}


ContactStanding = Literal["in-force", "proposed", "pending", "refused"]


@dataclass(frozen=True, slots=True)
class ContactAssessment:
    """Whether a stated contact may be used now.

    `contact_details`: where the person can be reached now. `in_force_from`: when a pending contact comes into force.
    """

    standing: ContactStanding
    contact_details: ContactDetails
    in_force_from: datetime | None = None
    messages: tuple[MessageRequested, ...] = ()


async def assess_contact(
    work: UnitOfWork,
    lookups: Keyring,
    rules: OpeningRules,
    person: Sequence[str],
    stated: Contact,
    on_file: ContactDetails,
) -> ContactAssessment:
    """Assesses in the caller's transaction; `messages` are to be announced. `person`: the fingerprints of the INS, the
    active one first."""
    merged, unknown_details = merged_contact_details(stated, on_file), new_contact(stated, on_file)
    if unknown_details is None or is_unreachable(on_file):
        return ContactAssessment("in-force", merged)
    now, hashes = clock.now(), contact_hashes(lookups, unknown_details)
    proposed = await proposals.load_proposals(work.connection, person, now)
    earlier = next((proposal for proposal in proposed if proposal.contact_hash in hashes), None)
    if earlier is not None and earlier.is_in_force(now):
        return ContactAssessment("in-force", merged)
    if earlier is not None:
        return (
            ContactAssessment("pending", on_file, earlier.counts_from)
            if earlier.is_pending(now)
            else ContactAssessment("refused", on_file)
        )
    if sum(proposal.is_pending(now) for proposal in proposed) >= MAX_PENDING:
        return ContactAssessment("refused", on_file)
    code = new_invitation_code()
    in_force_from = effective_from(now, rules.contact_wait_h, on_file)
    new = ContactProposal(person[0], hashes[0], objection_hashes(lookups, code)[0], now, in_force_from)
    if not await proposals.insert_proposal(work.connection, new):
        return ContactAssessment("pending", on_file, in_force_from)
    return ContactAssessment(
        "proposed",
        on_file,
        in_force_from,
        _messages(work.keyrings, rules, unknown_details, on_file, (code, in_force_from)),
    )


def _messages(
    keyrings: Keyrings,
    rules: OpeningRules,
    unknown_details: Contact,
    on_file: ContactDetails,
    code_and_time: tuple[str, datetime],
) -> tuple[MessageRequested, ...]:
    """Returns the message to the contact on file with the objection code, and the one to the new contact with the time
    from which it is in force."""
    code, in_force_from = code_and_time
    when = utc_minute(in_force_from)
    proposed = MessageContent("contact-proposed", {"code": code, "when": when, "url": rules.objection_url})
    pending = MessageContent("contact-pending", {"when": when})
    contact_details = ContactDetails(unknown_details.mail, unknown_details.mobile, (), unknown_details.language)
    messages = [
        request_by_any_channel(keyrings.contacts, clock.new_id(), None, on_file, proposed),
        request_by_any_channel(keyrings.contacts, clock.new_id(), None, contact_details, pending),
    ]
    return tuple(message for message in messages if message is not None)


async def check_rate_limit(pool: Pool, action: str, keys: Sequence[str]) -> None:
    """Counts one request under all keys (`<kind of RATES>:<keyed hash>`), in a transaction of its own.

    Raises TooManyOpeningsError; then nothing is counted.
    """
    now, kinds = clock.now(), [key.partition(":")[0] for key in keys]
    async with transaction(pool) as connection:
        times = await rates.lock_request_times(connection, keys, now)
        waits = [wait for key, kind in zip(keys, kinds, strict=True) if (wait := window_wait(kind, times[key], now))]
        if not waits:
            await rates.insert_requests(connection, keys, now, [RATE_LIMITS[kind].window for kind in kinds])
    if waits:
        REFUSED.labels(action, TooManyOpeningsError.code).inc()
        raise TooManyOpeningsError(max(waits))


async def name_attending_doctor(connection: Connection, record_id: UUID, doctor_id: str | None) -> list[Event]:
    """Returns the events to announce: none for no doctor or an unchanged one. Raises AttendingDoctorUnknownError."""
    if doctor_id is None:
        return []
    entry = await directory.load_professional(connection, doctor_id)
    professional_id = check_attending_doctor(None if entry is None else entry[0])
    current = await people.lock_people(connection, record_id)
    if current.attending_doctor_id == professional_id:
        return []
    changed = replace(current, attending_doctor_id=professional_id)
    version = await people.save_people(connection, record_id, changed)
    return [changed.as_event(record_id, version)]


async def add_record(
    work: UnitOfWork, person: Person, contact: Contact, channel: OpeningChannel, region: str, actor: Actor | None
) -> NewRecord:
    """Inserts a new record. The caller's transaction holds the lock of the INS and has found no record; the caller
    appends the events.

    `actor` None: the holder, identified by the record alone. Since a record shares the INS with every service, raises
    IdentityNotQualifiedError.
    """
    check_may_share_ins(person.status)
    now, record_id = clock.now(), clock.new_id()
    ids = record_id, clock.new_id(bucket_of(record_id))
    opener = actor or Actor(kind="patient", id=str(record_id))
    new = new_record(work.keyrings, ids, person, contact, channel, opener, now)
    await openings.insert_records(work.connection, [new])
    await lifecycle.lift_suppression(work.connection, work.keyrings.ins.fingerprints(*ins_parts(person.ins)))
    await figures.count_life_event(work.connection, "opening", channel, region, now)
    return replace(new, events=(*new.events, *await note_minor(work.connection, record_id, person, now)))


async def state_of_person(connection: Connection, fingerprints: list[str]) -> LifecycleState:
    """Returns the person's state in the table of the life cycle."""
    record_id = await records.find_record(connection, fingerprints)
    record = None if record_id is None else await lifecycle.load_lifecycle_record(connection, record_id, lock=False)
    if record is not None:
        return record.state
    reasons = (await lifecycle.load_suppressions(connection, fingerprints)).values()
    return "erased" if "erased" in reasons else "objected" if reasons else "none"
