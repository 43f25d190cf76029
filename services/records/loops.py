"""The periodic loops of records' worker."""

import asyncio

from services.records.erasure.store import remove_rows
from services.records.reimbursements.usecases.keep_months import keep_months
from shared.db.pool import Pool
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

KEEP_EVERY_S = 30.0


def loops(reimbursement_months: int) -> dict[str, Loop]:
    """Returns all loops by name. They can be interrupted at any point: each page is one transaction."""

    async def keep_reimbursements(pool: Pool) -> None:
        if not await keep_months(pool, reimbursement_months, clock.now()):
            await asyncio.sleep(KEEP_EVERY_S)

    return {
        "finish-erasures": ErasureFinisher("records", remove_rows).round,
        "keep-reimbursements": keep_reimbursements,
    }
