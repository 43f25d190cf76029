"""Writes a batch of the insured register and the progress through the file. Nothing is announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportProgress
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.insured import InsuredPerson, InsuredRowUpdate, seal_insured
from services.identity.people.store import insured


@dataclass(frozen=True, slots=True)
class InsuredBatch:
    """The sealed persons, each once, and those persons by their fingerprints under older keys."""

    sealed: Sequence[InsuredRowUpdate]
    older: Mapping[str, InsuredPerson]


async def import_insured(
    storage: Storage, file: FileIdentity, batch: InsuredBatch, previous: ImportProgress, current: ImportProgress
) -> ImportProgress:
    """Returns `current` with the number of new and changed rows. A row under an older key keeps its fingerprint.

    Raises ImportOvertakenError.
    """
    people = {update.row.id: update for update in batch.sealed}
    async with storage.transaction() as work:
        for fingerprint in await insured.find_present_fingerprints(work.connection, batch.older) if batch.older else ():
            person = batch.older[fingerprint]
            people.pop(seal_insured(storage.keyrings, person).row.id, None)
            update = seal_insured(storage.keyrings, person, fingerprint)
            people[update.row.id] = update
        changed = await insured.put_insured(work.connection, people.values())
        current = replace(current, changed=current.changed + changed)
        await imports.set_progress(work.connection, "insured", file, previous, current)
    return current
