"""Opens a record with help: the person is there with their card and has agreed; the way to their account is sent to
where the insurance reaches them. Another contact that is stated waits. Asked again before the account is activated, it
sends another code."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.channels import OpeningChannel
from services.identity.domain.figures import region_of
from services.identity.domain.insured import InsuredPerson, Reach, is_card_of, open_insured
from services.identity.domain.lifecycle import Party, Refusal, decide
from services.identity.domain.online import is_minor
from services.identity.domain.opening import Contact
from services.identity.domain.openings import (
    InsuredUnknownError,
    OpeningRules,
    RepresentativeNeededError,
    contact_of,
)
from services.identity.domain.proposals import is_empty
from services.identity.domain.sealing import Keyrings
from services.identity.store import accounts, insured, records
from services.identity.usecases.issue_code import CodeChannel, issue_code
from services.identity.usecases.load_contact import load_contact
from services.identity.usecases.name_attending_doctor import name_attending_doctor
from services.identity.usecases.open_record import add_record
from services.identity.usecases.replace_contact import replace_contact
from services.identity.usecases.send_opening_codes import state_of_person
from services.identity.usecases.take_turn import check_rate_limit
from services.identity.usecases.weigh_contact import weigh_contact
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class Helped(RedactedRepr):
    """Who is there, where they are told things, and by which way the record opens."""

    ins: Ins
    card_serial: str
    told: Contact
    channel: OpeningChannel
    actor: Actor
    attending_doctor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Assisted:
    """What became of it. `code_sent` None: the account is active, no code is needed. `contact_from`: from when on the
    stated contact counts, where another is on file; asked again then, a code goes to it."""

    record_id: UUID
    is_new: bool
    code_sent: CodeChannel | None
    contact_from: datetime | None = None


async def open_assisted(
    pool: Pool, keyrings: Keyrings, lookups: Keyring, rules: OpeningRules, helped: Helped
) -> Assisted:
    """Raises InsuredUnknownError, RepresentativeNeededError, IdentityNotQualifiedError, UnreachableError,
    AttendingDoctorUnknownError, TooManyOpeningsError, and what the table of lives refuses."""
    turn = f"assisted-person:{lookups.fingerprint(*ins_parts(helped.ins), helped.actor.id)}"
    await check_rate_limit(pool, "open-record", [turn])
    fingerprints = keyrings.ins.fingerprints(*ins_parts(helped.ins))
    async with transaction(pool) as connection:
        await records.lock_ins(connection, fingerprints)
        refused = await _refused(connection, fingerprints, helped)
        if refused is None:
            person = await _person(connection, keyrings, fingerprints, helped)
            done, events = await _open(connection, keyrings, lookups, rules, person, helped)
        else:
            events = await _refusal(connection, fingerprints, helped, refused)
        await append(connection, [announce(one) for one in events])
    if refused is not None:
        REFUSED.labels("open-record", refused.code).inc()
        raise refused
    return done


async def _refused(connection: Connection, fingerprints: list[str], helped: Helped) -> ClientError | None:
    party: Party = "professional" if helped.actor.kind == "professional" else "administrator"
    decided = decide(await state_of_person(connection, fingerprints), "open", party)
    return decided.error() if isinstance(decided, Refusal) else None


async def _refusal(
    connection: Connection, fingerprints: list[str], helped: Helped, refused: ClientError
) -> list[Event]:
    known = await records.find_record(connection, fingerprints)
    if known is None:
        return []
    told = AccessRecorded(
        record_id=known, actor=helped.actor, action="open-record", outcome="refused", reason=refused.code
    )
    return [told]


async def _person(connection: Connection, keyrings: Keyrings, fingerprints: list[str], helped: Helped) -> InsuredPerson:
    row = await insured.find_insured(connection, fingerprints)
    if row is None or not is_card_of(keyrings.ins, row, helped.ins, helped.card_serial):
        raise InsuredUnknownError
    found = open_insured(keyrings.persons, row)
    if is_minor(date.fromisoformat(found.person.traits.birth_date or ""), clock.now().date()):
        raise RepresentativeNeededError
    return found


async def _open(
    connection: Connection,
    keyrings: Keyrings,
    lookups: Keyring,
    rules: OpeningRules,
    found: InsuredPerson,
    helped: Helped,
) -> tuple[Assisted, list[Event]]:
    fingerprints = keyrings.ins.fingerprints(*ins_parts(helped.ins))
    known = await records.find_record(connection, fingerprints)
    if known is not None and await accounts.load_account(connection, known) is not None:
        return Assisted(known, False, None), await name_attending_doctor(connection, known, helped.attending_doctor_id)
    on_file = await _on_file(connection, keyrings, known, found)
    weighed = await weigh_contact(connection, keyrings, lookups, rules, fingerprints, helped.told, on_file)
    events = list[Event]()
    if known is None:
        told, region = contact_of(weighed.reach), region_of(found.person.region)
        new = await add_record(connection, keyrings, found.person, told, helped.channel, region, helped.actor)
        record_id, events = new.record_id, [*new.events]
    else:
        record_id = known
        if weighed.stands == "counts":
            events += await _replace(connection, keyrings, record_id, helped.told)
    events += await name_attending_doctor(connection, record_id, helped.attending_doctor_id)
    sent = await issue_code(connection, keyrings, lookups, record_id, fingerprints[0], weighed.reach)
    done = Assisted(record_id, known is None, sent.channel, weighed.counts_from)
    return done, [*events, *weighed.messages, sent.message]


async def _replace(connection: Connection, keyrings: Keyrings, record_id: UUID, stated: Contact) -> list[Event]:
    _, known = await load_contact(connection, keyrings, record_id)
    told = replace(known, mail=stated.mail or known.mail, mobile=stated.mobile or known.mobile)
    return await replace_contact(connection, keyrings, record_id, told)


async def _on_file(connection: Connection, keyrings: Keyrings, known: UUID | None, found: InsuredPerson) -> Reach:
    """Where the insurance reaches the person; without that, where the record says."""
    if known is None or not is_empty(found.reach):
        return found.reach
    _, told = await load_contact(connection, keyrings, known)
    return Reach(told.mail, told.mobile, (), told.language)
