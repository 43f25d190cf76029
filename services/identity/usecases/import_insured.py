"""Writes a batch of the insured register, and with it how far the file has been read. Nothing is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.identity.domain.imports import FileMark, Progress
from services.identity.domain.insured import InsuredPerson, SealedInsured, seal_insured
from services.identity.domain.sealing import Keyrings
from services.identity.store import imports, insured
from shared.db.pool import Pool, transaction


@dataclass(frozen=True, slots=True)
class InsuredBatch:
    """Sealed persons, each once, and the same persons by their fingerprints under older keys."""

    sealed: Sequence[SealedInsured]
    older: Mapping[str, InsuredPerson]


async def import_insured(
    pool: Pool, keyrings: Keyrings, file: FileMark, batch: InsuredBatch, was: Progress, now: Progress
) -> Progress:
    """`now`, with the rows that are new or changed. Who stands under an older key stays there.

    Raises ImportOvertakenError.
    """
    people = {one.row.id: one for one in batch.sealed}
    async with transaction(pool) as connection:
        for fingerprint in await insured.present_among(connection, batch.older) if batch.older else ():
            person = batch.older[fingerprint]
            people.pop(seal_insured(keyrings, person).row.id, None)
            kept = seal_insured(keyrings, person, fingerprint)
            people[kept.row.id] = kept
        changed = await insured.put_insured(connection, people.values())
        now = replace(now, changed=now.changed + changed)
        await imports.set_progress(connection, "insured", file, was, now)
    return now
