"""A key has come that motives were waiting for: they are kept under their records' own keys from now on."""

from services.audit import store
from services.audit.motives import Motives
from services.audit.store import motives as late
from services.audit.store.motives import LateMotive
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import erased_among

PAGE = 100


async def open_motives(pool: Pool, motives: Motives) -> bool:
    """One page of those whose key is here. Returns whether there may be more."""
    async with transaction(pool) as connection:
        waiting = await late.find_late(connection, motives.sent.keys, PAGE)
        ids = {motive.record_id for motive in waiting}
        left = sorted(ids - await erased_among(connection, ids)) if ids else []
        wrapped = await store.keep_keys(connection, {id: motives.vault.new_key(id) for id in left}) if left else {}
        keys = {id: motives.vault.unwrap(id, key) for id, key in wrapped.items()}
        kept: dict[LateMotive, str] = {}
        for motive in waiting:
            if motive.record_id in keys:
                opened = motives.kept(keys[motive.record_id], motive.event_id, motive.sealed)
                if opened is not None:
                    kept[motive] = opened
        if kept:
            await late.keep_late(connection, {(one.record_id, one.event_id): text for one, text in kept.items()})
        if useless := [motive for motive in waiting if motive not in kept]:
            await late.delete_late(connection, useless)
    return len(waiting) == PAGE
