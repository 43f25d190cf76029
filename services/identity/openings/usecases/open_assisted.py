"""Opens a record with help: the person is present with their card and has agreed. The activation code is sent to the
contact that the insurance has on file; another stated contact waits. Repeated before the activation of the account, the
request sends another code."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.identity.accounts.store import accounts
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle.domain.lifecycle import LifecycleParty, decide
from services.identity.openings.domain.openings import (
    InsuredUnknownError,
    OpeningRules,
    RepresentativeNeededError,
    contact_from_details,
)
from services.identity.openings.domain.proposals import is_unreachable
from services.identity.openings.steps import (
    CodeChannel,
    add_record,
    assess_contact,
    check_rate_limit,
    issue_code,
    name_attending_doctor,
    state_of_person,
)
from services.identity.people.domain.insured import ContactDetails, InsuredPerson, is_card_of, open_insured
from services.identity.people.domain.new_person import Contact, OpeningChannel
from services.identity.people.domain.persons import is_minor
from services.identity.people.steps import load_contact, replace_contact
from services.identity.people.store import insured, records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class AssistedRequest(RedactedRepr):
    """The person present, their stated contact, and the opening channel."""

    ins: Ins
    card_serial: str
    contact: Contact
    channel: OpeningChannel
    actor: Actor
    attending_doctor_id: str | None = None


@dataclass(frozen=True, slots=True)
class AssistedOutcome:
    """The outcome. `code_sent`: None if the account is active and needs no code. `contact_from`: when a stated contact
    beside the one on file comes into force; a request repeated then sends a code to it."""

    record_id: UUID
    is_new: bool
    code_sent: CodeChannel | None
    contact_from: datetime | None = None


async def open_assisted(
    storage: Storage, lookups: Keyring, rules: OpeningRules, request: AssistedRequest
) -> AssistedOutcome:
    """Returns the outcome. Raises InsuredUnknownError, RepresentativeNeededError, IdentityNotQualifiedError,
    UnreachableError, AttendingDoctorUnknownError, TooManyOpeningsError, and the refusals of the life cycle's table."""
    turn = f"assisted-person:{lookups.fingerprint(*ins_parts(request.ins), request.actor.id)}"
    await check_rate_limit(storage.pool, "open-record", [turn])
    fingerprints = storage.keyrings.ins.fingerprints(*ins_parts(request.ins))
    async with storage.transaction() as work:
        await records.lock_ins(work.connection, fingerprints)
        refusal = await _refusal(work.connection, fingerprints, request)
        if refusal is None:
            person = await _insured_person(work, fingerprints, request)
            outcome, events = await _open_or_send_code(work, lookups, rules, person, request)
        else:
            events = await _refusal_events(work.connection, fingerprints, request, refusal)
        await append(work.connection, [announce(event) for event in events])
    if refusal is not None:
        REFUSED.labels("open-record", refusal.code).inc()
        raise refusal
    return outcome


async def _refusal(connection: Connection, fingerprints: list[str], request: AssistedRequest) -> ClientError | None:
    party: LifecycleParty = "professional" if request.actor.kind == "professional" else "administrator"
    decision = decide(await state_of_person(connection, fingerprints), "open", party)
    return decision.error() if isinstance(decision, TransitionRefusal) else None


async def _refusal_events(
    connection: Connection, fingerprints: list[str], request: AssistedRequest, refusal: ClientError
) -> list[Event]:
    record_id = await records.find_record(connection, fingerprints)
    if record_id is None:
        return []
    entry = AccessRecorded(
        record_id=record_id, actor=request.actor, action="open-record", outcome="refused", reason=refusal.code
    )
    return [entry]


async def _insured_person(work: UnitOfWork, fingerprints: list[str], request: AssistedRequest) -> InsuredPerson:
    row = await insured.find_insured(work.connection, fingerprints)
    if row is None or not is_card_of(work.keyrings.ins, row, request.ins, request.card_serial):
        raise InsuredUnknownError
    person = open_insured(work.keyrings.persons, row)
    if is_minor(date.fromisoformat(person.person.traits.birth_date or ""), clock.now().date()):
        raise RepresentativeNeededError
    return person


async def _open_or_send_code(
    work: UnitOfWork, lookups: Keyring, rules: OpeningRules, person: InsuredPerson, request: AssistedRequest
) -> tuple[AssistedOutcome, list[Event]]:
    fingerprints = work.keyrings.ins.fingerprints(*ins_parts(request.ins))
    existing_id = await records.find_record(work.connection, fingerprints)
    if existing_id is not None and await accounts.load_account(work.connection, existing_id) is not None:
        return AssistedOutcome(existing_id, False, None), await name_attending_doctor(
            work.connection, existing_id, request.attending_doctor_id
        )
    on_file = await _contact_on_file(work, existing_id, person)
    assessment = await assess_contact(work, lookups, rules, fingerprints, request.contact, on_file)
    events = list[Event]()
    if existing_id is None:
        contact, region = contact_from_details(assessment.contact_details), counted_region(person.person.region)
        new = await add_record(work, person.person, contact, request.channel, region, request.actor)
        record_id, events = new.record_id, [*new.events]
    else:
        record_id = existing_id
        if assessment.standing == "in-force":
            events += await _replace_contact(work, record_id, request.contact)
    events += await name_attending_doctor(work.connection, record_id, request.attending_doctor_id)
    issued = await issue_code(work, lookups, record_id, fingerprints[0], assessment.contact_details)
    outcome = AssistedOutcome(record_id, existing_id is None, issued.channel, assessment.in_force_from)
    return outcome, [*events, *assessment.messages, issued.message]


async def _replace_contact(work: UnitOfWork, record_id: UUID, stated: Contact) -> list[Event]:
    _, current = await load_contact(work, record_id)
    contact = replace(current, mail=stated.mail or current.mail, mobile=stated.mobile or current.mobile)
    return await replace_contact(work, record_id, contact)


async def _contact_on_file(work: UnitOfWork, record_id: UUID | None, person: InsuredPerson) -> ContactDetails:
    """Returns the contact details of the register; without any, those of the record."""
    if record_id is None or not is_unreachable(person.contact_details):
        return person.contact_details
    _, contact = await load_contact(work, record_id)
    return ContactDetails(contact.mail, contact.mobile, (), contact.language)
