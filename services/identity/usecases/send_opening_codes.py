"""Decides who of those who asked may open a record alone, and sends them a code. Whoever may not is told nothing.

The code goes to the contact on file where there is one: the one that was stated counts beside it after a while."""

from dataclasses import replace
from datetime import date

from services.identity.announcements import announce
from services.identity.domain.codes import new_code
from services.identity.domain.contacts import Note, message
from services.identity.domain.insured import Insured, InsuredPerson, is_card_of, open_insured
from services.identity.domain.lifecycle import State
from services.identity.domain.online import (
    CODE_LIFETIME,
    Asked,
    Facts,
    OnlineOpening,
    code_hash,
    may_open_alone,
    seal_asked,
)
from services.identity.domain.openings import OpeningRules, contact_of
from services.identity.domain.sealing import Keyrings
from services.identity.store import insured, lifecycle, online, records
from services.identity.usecases.weigh_contact import Weighed, weigh_contact
from shared.contracts.notify import MessageRequested
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock

PAGE = 50
_HOURS = str(int(CODE_LIFETIME.total_seconds() // 3600))


async def send_opening_codes(pool: Pool, keyrings: Keyrings, lookups: Keyring, rules: OpeningRules) -> int:
    """One page of them, oldest first; returns how many were decided."""
    now = clock.now()
    async with transaction(pool) as connection:
        waiting = await online.take_asked(connection, now, PAGE)
        messages: list[MessageRequested] = []
        for opening in waiting:
            asked = opening.asked(keyrings.persons)
            found = await _insured(connection, keyrings, asked)
            if found is None or not may_open_alone(await _facts(connection, keyrings, asked, *found), now.date()):
                await online.set_code(connection, opening.id, None)
                continue
            fingerprints, on_file = keyrings.ins.fingerprints(*ins_parts(asked.ins)), found[1].reach
            weighed = await weigh_contact(connection, keyrings, lookups, rules, fingerprints, asked.contact, on_file)
            messages += weighed.messages
            messages += await _send(connection, keyrings, lookups, opening, _addressed(asked, weighed))
        await append(connection, [announce(one) for one in messages])
    return len(waiting)


async def state_of_person(connection: Connection, fingerprints: list[str]) -> State:
    """Where somebody stands in the table of lives."""
    record_id = await records.find_record(connection, fingerprints)
    kept = None if record_id is None else await lifecycle.load_kept(connection, record_id, lock=False)
    if kept is not None:
        return kept.state
    reasons = (await lifecycle.suppressed_among(connection, fingerprints)).values()
    return "erased" if "erased" in reasons else "objected" if reasons else "none"


def _addressed(asked: Asked, weighed: Weighed) -> Asked | None:
    """With the contact that the code goes to, whose it then is: the stated one where it counts; else what is on file,
    once for each that is stated, so that nobody has codes sent there without end."""
    if weighed.stands == "counts":
        return asked
    told = contact_of(weighed.reach)
    reached = weighed.stands == "proposed" and (told.mail is not None or told.mobile is not None)
    return replace(asked, contact=told) if reached else None


async def _send(
    connection: Connection, keyrings: Keyrings, lookups: Keyring, opening: OnlineOpening, asked: Asked | None
) -> list[MessageRequested]:
    if asked is None:
        await online.set_code(connection, opening.id, None)
        return []
    code = new_code()
    await online.set_asked(connection, opening.id, seal_asked(keyrings, opening.id, asked))
    await online.set_code(connection, opening.id, code_hash(lookups, opening.id, code))
    note = Note("opening-code", {"code": code, "hours": _HOURS}, opening.expires_at)
    return [message(keyrings.contacts, opening.id, None, asked.contact, note)]


async def _insured(connection: Connection, keyrings: Keyrings, asked: Asked) -> tuple[Insured, InsuredPerson] | None:
    row = await insured.find_insured(connection, keyrings.ins.fingerprints(*ins_parts(asked.ins)))
    return None if row is None else (row, open_insured(keyrings.persons, row))


async def _facts(connection: Connection, keyrings: Keyrings, asked: Asked, row: Insured, found: InsuredPerson) -> Facts:
    person, fingerprints = found.person, keyrings.ins.fingerprints(*ins_parts(asked.ins))
    assert person.traits.birth_date is not None, "the register has every birth date"
    return Facts(
        regime=row.regime,
        birth_date=date.fromisoformat(person.traits.birth_date),
        is_own_card=is_card_of(keyrings.ins, row, asked.ins, asked.card_serial),
        state=await state_of_person(connection, fingerprints),
        status=person.status,
    )
