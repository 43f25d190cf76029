"""Reads documents in the background that an older extractor read, and those that were here before there was one.

A batch is a transaction that replaces the blocks of its documents whole: wherever it is interrupted, each document has
the blocks of one version. What is left is what blocks of an older version say, so that it goes on by itself.
"""

import asyncio
from typing import Final

from services.records.clinical_facts.context import ExtractionContext
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION
from services.records.clinical_facts.steps.extraction import extract_outdated
from services.records.clinical_facts.store.extraction import count_outdated
from services.records.kit.metrics import OUTDATED_FACTS
from shared.db.pool import Pool, transaction

BATCH: Final = 4
LOOK_EVERY_S: Final = 10.0
COUNT_EVERY_S: Final = 15.0
MOST_COUNTED: Final = 10_000


async def extract_again(context: ExtractionContext, pool: Pool) -> None:
    """Reads a batch again; waits when nothing is left."""
    async with transaction(pool) as connection:
        count = await extract_outdated(context, connection, BATCH)
    if not count:
        await asyncio.sleep(LOOK_EVERY_S)


async def observe_outdated(pool: Pool) -> None:
    """Shows how many documents are left."""
    async with pool.acquire() as connection:
        OUTDATED_FACTS.set(await count_outdated(connection, EXTRACTOR_VERSION, MOST_COUNTED))
    await asyncio.sleep(COUNT_EVERY_S)
