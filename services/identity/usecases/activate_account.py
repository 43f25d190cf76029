"""Creates the account of somebody who has the activation code of their record."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules, own_words
from services.identity.domain.activation import ActivationCodeWrongError, activation_code_hashes, parse_code
from services.identity.domain.figures import counted_region
from services.identity.domain.opening import Contact, Person
from services.identity.domain.passwords import check_length
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.domain.throttling import network_of
from services.identity.store import activation, figures, lifecycle, openings, records
from services.identity.usecases.create_account import Choices, create_account
from services.identity.usecases.hash_password import hash_password
from services.identity.usecases.load_contact import load_contact
from services.identity.usecases.open_alone import AccountRequest
from services.identity.usecases.replace_contact import replace_contact
from services.identity.usecases.take_turn import take_turn
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class Activating(RedactedRepr):
    """Whose code it is said to be, the code as it was typed, where a second factor may be sent, and from where."""

    ins: Ins
    code: str
    mail: str | None
    mobile: str | None
    source: str


async def activate_account(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, activating: Activating, chosen: AccountRequest
) -> UUID:
    """Returns the record's id. A number without a record is answered as a wrong code is; what is refused for another
    reason leaves the code as it was.

    Raises ActivationCodeMalformedError, ActivationCodeWrongError, TooManyOpeningsError, and what `hash_password` and
    `create_account` raise.
    """
    code = parse_code(activating.code)
    check_length(chosen.password)
    lookups, network = accounts.lookups, network_of(activating.source)
    turns = [
        f"activation-person:{lookups.fingerprint(*ins_parts(activating.ins), network)}",
        f"activation-source:{lookups.fingerprint('source', network)}",
    ]
    await take_turn(pool, "activate-account", turns)
    async with pool.acquire() as connection:
        record_id = await records.find_record(connection, keyrings.ins.fingerprints(*ins_parts(activating.ins)))
        hashes = [] if record_id is None else activation_code_hashes(lookups, record_id, code)
        usable = record_id is not None and await activation.is_usable(connection, record_id, hashes, clock.now())
        words = await _words(connection, keyrings, record_id, chosen) if record_id and usable else None
    if record_id is None or words is None:
        raise await _refused(pool, record_id)
    password_hash = await hash_password(accounts, chosen.password, words)
    choices = Choices(chosen.identifier, password_hash, chosen.second_factor, chosen.terms_version)
    async with transaction(pool) as connection:
        deceased = await lifecycle.is_deceased(connection, record_id)
        used = not deceased and await activation.use_code(connection, record_id, hashes, clock.now())
        if used:
            told, changed = await _contact(connection, keyrings, record_id, activating)
            await create_account(connection, accounts, keyrings, record_id, told, choices)
            await activation.revoke_codes(connection, record_id, clock.now())
            await _count(connection, keyrings, record_id)
            await append(connection, [announce(one) for one in (*changed, _access(record_id, "activated"))])
    if not used:
        raise await _refused(pool, record_id)
    return record_id


async def _words(
    connection: Connection, keyrings: Keyrings, record_id: UUID, chosen: AccountRequest
) -> tuple[str, ...]:
    _, told = await load_contact(connection, keyrings, record_id)
    return own_words(await _holder(connection, keyrings, record_id), told, chosen.identifier)


async def _holder(connection: Connection, keyrings: Keyrings, record_id: UUID) -> Person:
    person_id, sealed = await records.load_person(connection, record_id)
    return Person.from_json(open_row(keyrings.persons, sealed, "person", person_id))


async def _contact(
    connection: Connection, keyrings: Keyrings, record_id: UUID, activating: Activating
) -> tuple[Contact, list[Event]]:
    """Where the person is told things from now on: the code came to what was known, so what they give now counts."""
    _, known = await load_contact(connection, keyrings, record_id)
    told = replace(known, mail=activating.mail or known.mail, mobile=activating.mobile or known.mobile)
    changed = await replace_contact(connection, keyrings, record_id, told)
    if told != known and not changed:
        raise ActivationCodeWrongError
    return told, changed


async def _count(connection: Connection, keyrings: Keyrings, record_id: UUID) -> None:
    channel = await openings.load_channel(connection, record_id) or "hospital"
    region = counted_region((await _holder(connection, keyrings, record_id)).region)
    await figures.count_life_event(connection, "activation", channel, region, clock.now())


async def _refused(pool: Pool, record_id: UUID | None) -> ActivationCodeWrongError:
    """Counted, and in the ledger where there is a record."""
    REFUSED.labels("activate-account", ActivationCodeWrongError.code).inc()
    if record_id is not None:
        async with transaction(pool) as connection:
            await append(connection, [announce(_access(record_id, ActivationCodeWrongError.code, refused=True))])
    return ActivationCodeWrongError()


def _access(record_id: UUID, reason: str, *, refused: bool = False) -> AccessRecorded:
    """Who fails the code is not the holder, as far as is known."""
    holder = Actor(kind="patient", id=str(record_id))
    return AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="unknown", id="unknown") if refused else holder,
        action="activate-account",
        outcome="refused" if refused else "permitted",
        reason=reason,
    )
