"""Decides who of those who asked may open a record alone, and sends them a code. Whoever may not is told nothing."""

from datetime import date

from services.identity.announcements import announce
from services.identity.domain.codes import new_code
from services.identity.domain.contacts import Note, message
from services.identity.domain.insured import is_card_of, open_insured
from services.identity.domain.lifecycle import State
from services.identity.domain.online import (
    CODE_LIFETIME,
    Asked,
    Facts,
    OnlineOpening,
    code_hash,
    may_open_alone,
)
from services.identity.domain.sealing import Keyrings
from services.identity.store import insured, lifecycle, online, records
from shared import clock
from shared.contracts.notify import MessageRequested
from shared.crypto import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.fingerprints import ins_parts
from shared.outbox import append

PAGE = 50
_HOURS = str(int(CODE_LIFETIME.total_seconds() // 3600))


async def send_opening_codes(pool: Pool, keyrings: Keyrings, lookups: Keyring) -> int:
    """One page of them, oldest first; returns how many were decided."""
    now = clock.now()
    async with transaction(pool) as connection:
        waiting = await online.take_asked(connection, now, PAGE)
        messages: list[MessageRequested] = []
        for opening in waiting:
            asked = opening.asked(keyrings.persons)
            facts = await _facts(connection, keyrings, asked)
            if facts is None or not may_open_alone(facts, now.date()):
                await online.set_code(connection, opening.id, None)
                continue
            code = new_code()
            await online.set_code(connection, opening.id, code_hash(lookups, opening.id, code))
            messages.append(_message(keyrings, opening, asked, code))
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


async def _facts(connection: Connection, keyrings: Keyrings, asked: Asked) -> Facts | None:
    fingerprints = keyrings.ins.fingerprints(*ins_parts(asked.ins))
    row = await insured.find_insured(connection, fingerprints)
    if row is None:
        return None
    person = open_insured(keyrings.persons, row).person
    assert person.traits.birth_date is not None, "the register has every birth date"
    return Facts(
        regime=row.regime,
        birth_date=date.fromisoformat(person.traits.birth_date),
        is_own_card=is_card_of(keyrings.ins, row, asked.ins, asked.card_serial),
        state=await state_of_person(connection, fingerprints),
        status=person.status,
    )


def _message(keyrings: Keyrings, opening: OnlineOpening, asked: Asked, code: str) -> MessageRequested:
    note = Note("opening-code", {"code": code, "hours": _HOURS}, opening.expires_at)
    requested = message(keyrings.contacts, opening.id, opening.id, asked.contact, note)
    return requested.model_copy(update={"record_id": None})
