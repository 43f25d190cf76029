"""Stores late motives under their records' own keys, once the key has come under which they are encrypted."""

from services.audit.ledger import store
from services.audit.ledger.motives import MotiveVault
from services.audit.ledger.store import LateMotive
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import erased_among

PAGE = 100


async def open_motives(pool: Pool, motives: MotiveVault) -> bool:
    """Opens one page of late motives whose key is here. Returns whether there may be more."""
    async with transaction(pool) as connection:
        page = await store.find_late_motives(connection, motives.transport_keys.keys, PAGE)
        record_ids = {motive.record_id for motive in page}
        remaining = sorted(record_ids - await erased_among(connection, record_ids)) if record_ids else []
        new_keys = {id: motives.vault.new_key(id) for id in remaining}
        wrapped = await store.ensure_keys(connection, new_keys) if remaining else {}
        keys = {id: motives.vault.unwrap(id, key) for id, key in wrapped.items()}
        resealed_motives: dict[LateMotive, str] = {}
        for motive in page:
            if motive.record_id in keys:
                resealed = motives.reseal(keys[motive.record_id], motive.event_id, motive.sealed)
                if resealed is not None:
                    resealed_motives[motive] = resealed
        if resealed_motives:
            by_entry = {(motive.record_id, motive.event_id): resealed for motive, resealed in resealed_motives.items()}
            await store.store_opened_motives(connection, by_entry)
        if unreadable := [motive for motive in page if motive not in resealed_motives]:
            await store.delete_late_motives(connection, unreadable)
    return len(page) == PAGE
