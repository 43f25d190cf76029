"""Writes a batch of the insured register and the progress through the file. Nothing is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportProgress
from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.domain.insured import InsuredPerson, InsuredRowUpdate, seal_insured
from services.identity.people.store import insured
from shared.db.pool import Pool, transaction


@dataclass(frozen=True, slots=True)
class InsuredBatch:
    """The sealed persons, each once, and those persons by their fingerprints under older keys."""

    sealed: Sequence[InsuredRowUpdate]
    older: Mapping[str, InsuredPerson]


async def import_insured(
    pool: Pool,
    keyrings: Keyrings,
    file: FileIdentity,
    batch: InsuredBatch,
    previous: ImportProgress,
    current: ImportProgress,
) -> ImportProgress:
    """Returns `current` with the number of new and changed rows. A row under an older key keeps its fingerprint.

    Raises ImportOvertakenError.
    """
    people = {update.row.id: update for update in batch.sealed}
    async with transaction(pool) as connection:
        for fingerprint in await insured.find_present_fingerprints(connection, batch.older) if batch.older else ():
            person = batch.older[fingerprint]
            people.pop(seal_insured(keyrings, person).row.id, None)
            update = seal_insured(keyrings, person, fingerprint)
            people[update.row.id] = update
        changed = await insured.put_insured(connection, people.values())
        current = replace(current, changed=current.changed + changed)
        await imports.set_progress(connection, "insured", file, previous, current)
    return current
