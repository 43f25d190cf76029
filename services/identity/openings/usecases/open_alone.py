"""Opens the record of a person who has proved their identity online, together with their account."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules, SecondFactor, personal_words
from services.identity.accounts.domain.passwords import check_length
from services.identity.accounts.steps.create_account import AccountChoices, create_account
from services.identity.accounts.steps.hash_password import hash_password
from services.identity.figures import store as figures
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.online import OnlineOpening, OpeningOverError, OpeningRequest
from services.identity.openings.domain.openings import mail_or_letter_request, merged_contact_details
from services.identity.openings.domain.records import NewRecord
from services.identity.openings.steps import add_record, name_attending_doctor, state_of_person
from services.identity.openings.store import online
from services.identity.people.domain.insured import InsuredPerson, open_insured
from services.identity.people.store import insured, records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class AccountRequest:
    """The person's choices: sign-in data and médecin traitant."""

    identifier: str
    password: str
    second_factor: SecondFactor
    terms_version: str
    attending_doctor_id: str | None = None


async def open_alone(
    storage: Storage, accounts: AccountRules, opening_id: UUID, ticket: str, account_request: AccountRequest
) -> UUID:
    """Returns the record's id. The traits are those of the register. A refusal leaves the ticket valid.

    Raises OpeningOverError, AttendingDoctorUnknownError, and what `hash_password` and `create_account` raise.
    """
    check_length(account_request.password)
    hashes = accounts.lookups.fingerprints("opening-ticket", str(opening_id), ticket)
    with accounts.hashes.place() as place:
        async with storage.acquire() as work:
            opening = await online.load_proved(work.connection, opening_id, hashes, clock.now())
            request, person = await _request_and_person(work, opening)
        words = personal_words(person.person, request.contact, account_request.identifier)
        password_hash = await hash_password(accounts, place, account_request.password, words)
    async with storage.transaction() as work:
        opening = await online.lock_proved(work.connection, opening_id, hashes, clock.now())
        if opening is None:
            raise OpeningOverError
        new_record = await _add_record(work, person, request)
        choices = AccountChoices(
            account_request.identifier, password_hash, account_request.second_factor, account_request.terms_version
        )
        await create_account(work, accounts, new_record.record_id, request.contact, choices)
        doctor_events = await name_attending_doctor(
            work.connection, new_record.record_id, account_request.attending_doctor_id
        )
        await online.set_used(work.connection, opening_id)
        region = counted_region(person.person.region)
        await figures.count_life_event(work.connection, "activation", "online", region, clock.now())
        events = _events(storage.keyrings, new_record.record_id, request, person)
        await append(work.connection, [announce(event) for event in (*new_record.events, *events, *doctor_events)])
    return new_record.record_id


async def _request_and_person(work: UnitOfWork, opening: OnlineOpening | None) -> tuple[OpeningRequest, InsuredPerson]:
    if opening is None:
        raise OpeningOverError
    request = opening.open_request(work.keyrings.persons)
    row = await insured.find_insured(work.connection, work.keyrings.ins.fingerprints(*ins_parts(request.ins)))
    if row is None:
        raise OpeningOverError
    return request, open_insured(work.keyrings.persons, row)


async def _add_record(work: UnitOfWork, person: InsuredPerson, request: OpeningRequest) -> NewRecord:
    """Opens the record unless it was opened in another way meanwhile. The person's own wish lifts an earlier
    objection."""
    fingerprints = work.keyrings.ins.fingerprints(*ins_parts(person.person.ins))
    await records.lock_ins(work.connection, fingerprints)
    if await state_of_person(work.connection, fingerprints) in ("open", "closed", "dead"):
        raise OpeningOverError
    region = counted_region(person.person.region)
    return await add_record(work, person.person, request.contact, "online", region, None)


def _events(keyrings: Keyrings, record_id: UUID, request: OpeningRequest, person: InsuredPerson) -> list[Event]:
    activated = AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="patient", id=str(record_id)),
        action="activate-account",
        outcome="permitted",
        reason="activated",
    )
    contact_details = merged_contact_details(request.contact, person.contact_details)
    letter = mail_or_letter_request(keyrings.contacts, clock.new_id(), record_id, contact_details, "record-opened", {})
    return [activated] if letter is None else [activated, letter]
