"""Erasures in identity: a pool, keyrings and a retention of ten years; and a process that dies during an erasure.

`python -m tests.infra.erasures PLACE`, the database and the record on stdin.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.domain.lifecycle import Retention
from services.identity.domain.receipts import ReceiptKeys
from services.identity.domain.sealed_rows import Keyrings
from services.identity.store import lifecycle
from services.identity.usecases import erase_record as module
from services.identity.usecases.collect_acknowledgements import collect_acknowledgements
from services.identity.usecases.erase_record import ErasureRequest, erase_record
from services.identity.usecases.sweep_retention import SWEEPER
from shared.contracts.declarations import SERVICES
from shared.contracts.identity import ErasureAcknowledged
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool, create_pool, transaction
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from tests.infra.crashing import die
from tests.infra.identity_api import KEYRING, RECEIPTS
from tests.infra.messages import message

RING = Keyring.parse(KEYRING)
KEYRINGS = Keyrings(ins=RING, contacts=RING, persons=RING)
RETENTION = Retention(closed_years=10, backups_days=90, acknowledgement_s=3600)
RECEIPT_KEYS = ReceiptKeys.parse(RECEIPTS)


@dataclass(frozen=True)
class Life:
    """Identity's database and the arguments of its use cases."""

    pool: Pool

    async def acknowledge(
        self, record_id: UUID, erasure_id: UUID, *services: str, at: datetime | None = None, count: int = 1
    ) -> None:
        """Applies the acknowledgements of these services in one batch."""
        events = [said(record_id, erasure_id, service, at=at, count=count) for service in services]
        async with transaction(self.pool) as connection:
            batch = [message(event) for event in events]
            await collect_acknowledgements(connection, batch, keys=RECEIPT_KEYS, retention=RETENTION)


def said(
    record_id: UUID, erasure_id: UUID, service: str = SERVICES[0], *, at: datetime | None = None, count: int = 1
) -> ErasureAcknowledged:
    """Returns the acknowledgement of one service."""
    return ErasureAcknowledged(
        record_id=record_id,
        erasure_id=erasure_id,
        service=service,
        destroyed={"keys": count},
        acknowledged_at=at or clock.now(),
    )


def _die_before_commit() -> None:
    async def killing(*_: Any) -> None:
        die()

    module.append = killing  # type: ignore[attr-defined]


def _die_among_the_deletions() -> None:
    async def killing(*_: Any) -> int:
        return int(die())

    lifecycle.delete_record = killing


PLACES = {
    "among the deletions": _die_among_the_deletions,
    "after the deletions, before the commit": _die_before_commit,
    "after the commit": lambda: None,
}


async def _main(place: str, spec: dict[str, Any]) -> None:
    PLACES[place]()
    pool = await create_pool(PostgresSettings.model_validate({"dsn": spec["dsn"]}), application="tests")
    asked = ErasureRequest(SWEEPER, "retention-over", datetime.fromisoformat(spec["now"]))
    await erase_record(pool, KEYRINGS, RETENTION, UUID(spec["record_id"]), asked)
    die()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], json.load(sys.stdin)))
