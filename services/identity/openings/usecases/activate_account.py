"""Creates the account of a person who has the activation code of their record."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules, personal_words
from services.identity.accounts.domain.passwords import check_length
from services.identity.accounts.domain.throttling import network_of
from services.identity.accounts.steps.create_account import AccountChoices, create_account
from services.identity.accounts.steps.hash_password import hash_password
from services.identity.figures import store as figures
from services.identity.figures.domain import counted_region
from services.identity.kit.announcements import announce
from services.identity.kit.readable_codes import parse_code
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.openings.domain.activation import ActivationCodeWrongError, activation_code_hashes
from services.identity.openings.steps import check_rate_limit
from services.identity.openings.store import activation, openings
from services.identity.openings.usecases.open_alone import AccountRequest
from services.identity.people.domain.new_person import Contact, Person
from services.identity.people.steps import load_contact, replace_contact
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class ActivationRequest(RedactedRepr):
    """The claimed INS, the code as typed, the contact for a second factor, and the client's network address."""

    ins: Ins
    code: str
    mail: str | None
    mobile: str | None
    source: str


async def activate_account(
    storage: Storage, accounts: AccountRules, request: ActivationRequest, chosen: AccountRequest
) -> UUID:
    """Creates the account and returns the id of its record. An INS without a record gives the answer of a wrong code.
    When the account is refused for another reason, the code stays valid.

    Raises ActivationCodeMalformedError, ActivationCodeWrongError, TooManyOpeningsError, and what `hash_password` and
    `create_account` raise.
    """
    code = parse_code(request.code)
    check_length(chosen.password)
    lookups, network = accounts.lookups, network_of(request.source)
    rate_keys = [
        f"activation-person:{lookups.fingerprint(*ins_parts(request.ins), network)}",
        f"activation-source:{lookups.fingerprint('source', network)}",
    ]
    with accounts.hashes.place() as place:
        await check_rate_limit(storage.pool, "activate-account", rate_keys)
        async with storage.acquire() as work:
            record_id = await records.find_record(
                work.connection, storage.keyrings.ins.fingerprints(*ins_parts(request.ins))
            )
            hashes = [] if record_id is None else activation_code_hashes(lookups, record_id, code)
            usable = record_id is not None and await activation.is_usable(
                work.connection, record_id, hashes, clock.now()
            )
            words = await _personal_words(work, record_id, chosen) if record_id and usable else None
        if record_id is None or words is None:
            raise await _record_refusal(storage.pool, record_id)
        password_hash = await hash_password(accounts, place, chosen.password, words)
    choices = AccountChoices(chosen.identifier, password_hash, chosen.second_factor, chosen.terms_version)
    async with storage.transaction() as work:
        deceased = await records.is_deceased(work.connection, record_id)
        used = not deceased and await activation.use_code(work.connection, record_id, hashes, clock.now())
        if used:
            contact, events = await _update_contact(work, record_id, request)
            await create_account(work, accounts, record_id, contact, choices)
            await activation.revoke_codes(work.connection, record_id, clock.now())
            await _count_activation(work, record_id)
            await append(work.connection, [announce(event) for event in (*events, _access(record_id, "activated"))])
    if not used:
        raise await _record_refusal(storage.pool, record_id)
    return record_id


async def _personal_words(work: UnitOfWork, record_id: UUID, chosen: AccountRequest) -> tuple[str, ...]:
    _, contact = await load_contact(work, record_id)
    return personal_words(await _holder(work, record_id), contact, chosen.identifier)


async def _holder(work: UnitOfWork, record_id: UUID) -> Person:
    person_id, sealed = await records.load_person(work.connection, record_id)
    return Person.from_json(open_row(work.keyrings.persons, sealed, "person", person_id))


async def _update_contact(work: UnitOfWork, record_id: UUID, request: ActivationRequest) -> tuple[Contact, list[Event]]:
    """Replaces the contact by what the person states now, which counts because the code reached the contact on file.
    Returns the new contact and the events to announce."""
    _, current = await load_contact(work, record_id)
    contact = replace(current, mail=request.mail or current.mail, mobile=request.mobile or current.mobile)
    events = await replace_contact(work, record_id, contact)
    if contact != current and not events:
        raise ActivationCodeWrongError
    return contact, events


async def _count_activation(work: UnitOfWork, record_id: UUID) -> None:
    channel = await openings.load_channel(work.connection, record_id) or "hospital"
    region = counted_region((await _holder(work, record_id)).region)
    await figures.count_life_event(work.connection, "activation", channel, region, clock.now())


async def _record_refusal(pool: Pool, record_id: UUID | None) -> ActivationCodeWrongError:
    """Counts the refusal, appends it to the ledger if there is a record, and returns the error to raise."""
    REFUSED.labels("activate-account", ActivationCodeWrongError.code).inc()
    if record_id is not None:
        async with transaction(pool) as connection:
            await append(connection, [announce(_access(record_id, ActivationCodeWrongError.code, refused=True))])
    return ActivationCodeWrongError()


def _access(record_id: UUID, reason: str, *, refused: bool = False) -> AccessRecorded:
    """Returns the ledger event. Without the right code the actor is unknown, not the holder."""
    holder = Actor(kind="patient", id=str(record_id))
    return AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="unknown", id="unknown") if refused else holder,
        action="activate-account",
        outcome="refused" if refused else "permitted",
        reason=reason,
    )
