"""Opens the record of somebody who has proved alone, online, who they are, with their account."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules, SecondFactor, personal_words
from services.identity.domain.figures import region_of
from services.identity.domain.insured import InsuredPerson, open_insured
from services.identity.domain.online import Asked, OnlineOpening, OpeningOverError
from services.identity.domain.openings import mail_or_letter, reach_of
from services.identity.domain.passwords import check_length
from services.identity.domain.records import NewRecord
from services.identity.domain.sealing import Keyrings
from services.identity.store import figures, insured, online, records
from services.identity.usecases.create_account import AccountChoices, create_account
from services.identity.usecases.hash_password import hash_password
from services.identity.usecases.name_attending_doctor import name_attending_doctor
from services.identity.usecases.open_record import add_record
from services.identity.usecases.send_opening_codes import state_of_person
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """What the person chooses: how to sign in, and who their médecin traitant is."""

    identifier: str
    password: str
    second_factor: SecondFactor
    terms_version: str
    attending_doctor_id: str | None = None


async def open_alone(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, opening_id: UUID, ticket: str, chosen: Wanted
) -> UUID:
    """Traits are those of the register. What is refused leaves the ticket as it was.

    Raises OpeningOverError, AttendingDoctorUnknownError, and what `hash_password` and `create_account` raise.
    """
    check_length(chosen.password)
    hashes = accounts.lookups.fingerprints("opening-ticket", str(opening_id), ticket)
    async with pool.acquire() as connection:
        opening = await online.load_proved(connection, opening_id, hashes, clock.now())
        asked, person = await _who(connection, keyrings, opening)
    words = personal_words(person.person, asked.contact, chosen.identifier)
    password_hash = await hash_password(accounts, chosen.password, words)
    async with transaction(pool) as connection:
        opening = await online.lock_proved(connection, opening_id, hashes, clock.now())
        if opening is None:
            raise OpeningOverError
        opened = await _open(connection, keyrings, person, asked)
        choices = AccountChoices(chosen.identifier, password_hash, chosen.second_factor, chosen.terms_version)
        await create_account(connection, accounts, keyrings, opened.record_id, asked.contact, choices)
        named = await name_attending_doctor(connection, opened.record_id, chosen.attending_doctor_id)
        await online.set_used(connection, opening_id)
        region = region_of(person.person.region)
        await figures.count_life_event(connection, "activation", "online", region, clock.now())
        told = _told(keyrings, opened.record_id, asked, person)
        await append(connection, [announce(one) for one in (*opened.events, *told, *named)])
    return opened.record_id


async def _who(
    connection: Connection, keyrings: Keyrings, opening: OnlineOpening | None
) -> tuple[Asked, InsuredPerson]:
    if opening is None:
        raise OpeningOverError
    asked = opening.asked(keyrings.persons)
    row = await insured.find_insured(connection, keyrings.ins.fingerprints(*ins_parts(asked.ins)))
    if row is None:
        raise OpeningOverError
    return asked, open_insured(keyrings.persons, row)


async def _open(connection: Connection, keyrings: Keyrings, person: InsuredPerson, asked: Asked) -> NewRecord:
    """Unless a record was opened another way meanwhile. An earlier objection is lifted: this is the person's wish."""
    fingerprints = keyrings.ins.fingerprints(*ins_parts(person.person.ins))
    await records.lock_ins(connection, fingerprints)
    if await state_of_person(connection, fingerprints) in ("open", "closed", "dead"):
        raise OpeningOverError
    region = region_of(person.person.region)
    return await add_record(connection, keyrings, person.person, asked.contact, "online", region, None)


def _told(keyrings: Keyrings, record_id: UUID, asked: Asked, person: InsuredPerson) -> list[Event]:
    activated = AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="patient", id=str(record_id)),
        action="activate-account",
        outcome="permitted",
        reason="activated",
    )
    reach = reach_of(asked.contact, person.reach)
    word = mail_or_letter(keyrings.contacts, clock.new_id(), record_id, reach, "record-opened", {})
    return [activated] if word is None else [activated, word]
