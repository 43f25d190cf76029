"""The periodic loops of records' worker."""

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from services.records.business_acknowledgements.adapters import MllpSender
from services.records.business_acknowledgements.usecases.deliver_acknowledgements import (
    DeliverAcknowledgements,
    observe_acknowledgements,
)
from services.records.clinical_facts.context import ExtractionContext
from services.records.clinical_facts.usecases.extract_again import extract_again, observe_outdated
from services.records.documents.usecases.fill_care_days import fill_care_days
from services.records.erasure.store import remove_rows
from services.records.exports.usecases.expire_exports import expire_exports
from services.records.exports.usecases.prepare_exports import PrepareExports
from services.records.hl7v2.store import SWEEP_RECEIVED
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.store.submissions import SWEEP_SUBMISSIONS
from services.records.quarantine.usecases.resend_due import mark_missed, resend_due
from services.records.reimbursements.usecases.keep_months import keep_months
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from shared.db.sweep import sweep
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

SWEEP_EVERY_S = 10.0
KEEP_EVERY_S = 30.0
RESEND_EVERY_S = 1.0
FILL_EVERY_S = 60.0
MARK_EVERY_S = 600.0
MESSAGES_KEPT: Final = timedelta(days=7)
"""How long acknowledgements are kept. Later the same message is handled anew, which changes nothing."""


def loops(
    sender: MllpSender,
    quarantine_of: Callable[[Pool], QuarantineContext],
    reimbursement_months: int,
    vault: Vault,
) -> dict[str, Loop]:
    """Returns all loops by name. They can be interrupted at any point: each page or submission is a transaction.

    `sender`: reaches the listeners of registered software. `quarantine_of`: makes the context of quarantine for the
    worker's pool. `reimbursement_months`: for how long lines of reimbursement are kept. `vault`: opens the metadata of
    older documents.
    """

    async def keep_reimbursements(pool: Pool) -> None:
        if not await keep_months(pool, reimbursement_months, clock.now()):
            await asyncio.sleep(KEEP_EVERY_S)

    async def fill_days(pool: Pool) -> None:
        if not await fill_care_days(pool, vault):
            await asyncio.sleep(FILL_EVERY_S)

    return {
        "fill-care-days": fill_days,
        "keep-reimbursements": keep_reimbursements,
        "deliver-acknowledgements": DeliverAcknowledgements(sender).run_once,
        "observe-acknowledgements": observe_acknowledgements,
        "finish-erasures": ErasureFinisher("records", remove_rows).round,
        "sweep-received-messages": sweep_received_messages,
        "resend-quarantined": _resend_loop(quarantine_of),
        "sweep-quarantine": sweep_quarantine,
        "sweep-exports": sweep_exports,
    }


def extraction_loops(context: ExtractionContext, exports: PrepareExports) -> dict[str, Loop]:
    """Returns the loops of the process that reads documents. `exports`: prepares copies of records."""
    return {
        "extract-again": partial(extract_again, context),
        "observe-outdated": observe_outdated,
        "prepare-exports": exports.run_once,
    }


def _resend_loop(quarantine_of: Callable[[Pool], QuarantineContext]) -> Loop:
    """Returns the loop that sends refused submissions again once they can be taken."""
    marked_at = -math.inf
    made: dict[Pool, QuarantineContext] = {}

    async def resend_quarantined(pool: Pool) -> None:
        nonlocal marked_at
        quarantine = made.get(pool) or made.setdefault(pool, quarantine_of(pool))
        now = asyncio.get_running_loop().time()
        if quarantine.rules.unknown == "keep" and now - marked_at > MARK_EVERY_S:
            await mark_missed(quarantine)
            marked_at = now
        if not await resend_due(quarantine):
            await asyncio.sleep(RESEND_EVERY_S)

    return resend_quarantined


async def sweep_received_messages(pool: Pool) -> None:
    """Deletes old acknowledgements, and waits when none is left."""
    if not await sweep(pool, {SWEEP_RECEIVED: clock.now() - MESSAGES_KEPT}):
        await asyncio.sleep(SWEEP_EVERY_S)


async def sweep_quarantine(pool: Pool) -> None:
    """Destroys refused submissions whose time is over."""
    if not await sweep(pool, {SWEEP_SUBMISSIONS: clock.now()}):
        await asyncio.sleep(SWEEP_EVERY_S)


async def sweep_exports(pool: Pool) -> None:
    """Deletes copies of records whose day is over."""
    if not await expire_exports(pool):
        await asyncio.sleep(SWEEP_EVERY_S)
