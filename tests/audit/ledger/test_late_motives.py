"""A motive that comes before the key it is sealed under: its entry stands at once, the motive once the key is there."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.audit.erasure.usecases.erase_record import erase_record
from services.audit.ledger.motives import MotiveVault
from services.audit.ledger.usecases.open_motives import open_motives
from shared.contracts.audit import MOTIVE as MOTIVE_PLACE
from shared.contracts.identity import RecordErased
from shared.crypto.keyring import Keyring
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.audit.keys import MOTIVES, SENT
from tests.infra.audit.ledger import HOSPITAL, Ledger, doctor, judged, reading
from tests.infra.http.tokens import bearer, operator_token, patient_token
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import fetch_row

MOTIVE = "patient inconscient, recherche d'allergies"
NEXT = "motives-2:" + "N" * 43
LATER = MotiveVault(Keyring.parse(f"{SENT},{NEXT}"), MOTIVES.vault)
ENTRIES = "select count(*) from ledger_entries where mode = 'bris_de_glace'"
SELECT_LATE = "select sealed, kept from late_motives"


async def opened(ledger: Ledger, *, sealed: str | None = None) -> None:
    """A physician reads in an emergency, with a motive under a key that audit does not hold."""
    facts = reading(mode="bris_de_glace", motive=True, record_named=True, break_glass=True)
    motive = sealed or Keyring.parse(NEXT).encrypt_jwe(MOTIVE.encode(), MOTIVE_PLACE)
    decision = {**judged(facts), "mode": "bris_de_glace", "motive": motive, "session_id": uuid4()}
    await ledger.access(doctor(), "find-documents", decision)


async def motive_shown(ledger: Ledger) -> Any:
    path = f"/records/{ledger.record_id}/emergencies"
    answer = await ledger.client.get(path, headers=bearer(patient_token(ledger.record_id)))
    [session] = answer.json()["emergencies"]
    return session["motive"]


async def test_the_entry_stands_at_once_and_the_motive_once_its_key_is_there(ledger: Ledger) -> None:
    await opened(ledger)
    assert await ledger.pool.fetchval(ENTRIES) == 1
    assert await motive_shown(ledger) is None
    assert not await open_motives(ledger.pool, MOTIVES), "the key is not here yet"
    assert (await fetch_row(ledger.pool, SELECT_LATE))["sealed"] is not None
    await open_motives(ledger.pool, LATER)
    assert await motive_shown(ledger) == MOTIVE
    kept = await fetch_row(ledger.pool, SELECT_LATE)
    assert kept["sealed"] is None
    assert MOTIVE not in kept["kept"]


async def test_a_structure_learns_that_a_motive_was_given_before_it_can_be_read(ledger: Ledger) -> None:
    ledger.time = datetime(2026, 11, 18, 9, tzinfo=UTC)
    await opened(ledger)
    path = f"/structures/{HOSPITAL}/emergencies"
    answer = await ledger.client.get(path, params={"week": "2026-W47"}, headers=bearer(operator_token()))
    assert [session["motive_given"] for session in answer.json()["emergencies"]] == [True]


async def test_more_motives_than_a_page_are_opened_and_one_that_nobody_can_open_holds_none(ledger: Ledger) -> None:
    altered = Keyring.parse(NEXT).encrypt_jwe(b"x", MOTIVE_PLACE)
    await opened(ledger, sealed=altered[:-4] + "AAAA")
    for _ in range(101):
        await opened(ledger)
    while await open_motives(ledger.pool, LATER):
        pass
    assert await ledger.pool.fetchval("select count(*) filter (where sealed is not null) from late_motives") == 0
    assert await ledger.pool.fetchval("select count(kept) from late_motives") == 101


async def test_an_erased_record_keeps_no_motive_that_waits(ledger: Ledger) -> None:
    await opened(ledger)
    erased = RecordErased(
        record_id=ledger.record_id, erasure_id=uuid4(), reason="gdpr-decision", decided_at=clock.now()
    )
    async with transaction(ledger.pool) as connection:
        await erase_record(connection, [message(erased)])
    await opened(ledger)
    await open_motives(ledger.pool, LATER)
    assert await ledger.pool.fetchval("select count(*) from late_motives") == 0
    assert await ledger.pool.fetchval(ENTRIES) == 2
