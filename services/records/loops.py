"""The periodic loops of records' worker."""

import asyncio
from datetime import timedelta
from typing import Final

from services.records.business_acknowledgements.adapters import MllpSender
from services.records.business_acknowledgements.usecases.deliver_acknowledgements import (
    DeliverAcknowledgements,
    observe_acknowledgements,
)
from services.records.erasure.store import remove_deposits
from services.records.hl7v2.store import SWEEP_RECEIVED
from shared.db.pool import Pool
from shared.db.sweep import sweep
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

SWEEP_EVERY_S = 30.0
MESSAGES_KEPT: Final = timedelta(days=7)
"""How long acknowledgements are kept. Later the same message is handled anew, which changes nothing."""


def loops(sender: MllpSender) -> dict[str, Loop]:
    """Returns all loops by name. They can be interrupted at any point: each page is one transaction.

    `sender`: reaches the listeners of registered software.
    """
    return {
        "deliver-acknowledgements": DeliverAcknowledgements(sender).run_once,
        "observe-acknowledgements": observe_acknowledgements,
        "finish-erasures": ErasureFinisher("records", remove_deposits).round,
        "sweep-received-messages": sweep_received_messages,
    }


async def sweep_received_messages(pool: Pool) -> None:
    """Deletes old acknowledgements, and waits when none is left."""
    if not await sweep(pool, {SWEEP_RECEIVED: clock.now() - MESSAGES_KEPT}):
        await asyncio.sleep(SWEEP_EVERY_S)
