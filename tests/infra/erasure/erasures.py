"""Erasures in identity: a pool, keyrings and a retention of ten years; and a process that dies during an erasure.

`python -m tests.infra.erasure.erasures PLACE`, the database and the record on stdin.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.erasure.domain import ErasureRules
from services.identity.erasure.steps.collect_acknowledgements import collect_acknowledgements
from services.identity.erasure.steps.destruction import ErasureRequest
from services.identity.erasure.usecases import erase_record as module
from services.identity.erasure.usecases.erase_record import erase_record
from services.identity.erasure.usecases.sweep_retention import SWEEPER
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from shared.contracts.declarations import SERVICES
from shared.contracts.identity import ErasureAcknowledged
from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.db.pool import Pool, create_pool, transaction
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from tests.infra.identity.identity_api import KEYRING, RECEIPTS
from tests.infra.messaging.crashing import die, replace_for_good
from tests.infra.messaging.messages import message

RING = Keyring.parse(KEYRING)
KEYRINGS = Keyrings(ins=RING, contacts=RING, people_to_call=RING, persons=RING)
LIFECYCLE = LifecycleRules(closed_years=10)
RECEIPT_KEYS = SignatureKeys.parse(RECEIPTS)
ERASURE = ErasureRules(RECEIPT_KEYS, backups_days=90, acknowledgement_s=3600)


@dataclass(frozen=True)
class Life:
    """Identity's database and the arguments of its use cases."""

    pool: Pool

    async def acknowledge(
        self, record_id: UUID, erasure_id: UUID, *services: str, at: datetime | None = None, count: int = 1
    ) -> None:
        """Applies the acknowledgements of these services in one batch."""
        events = [acknowledgement_of(record_id, erasure_id, service, at=at, count=count) for service in services]
        async with transaction(self.pool) as connection:
            batch = [message(event) for event in events]
            await collect_acknowledgements(connection, batch, rules=ERASURE)


def acknowledgement_of(
    record_id: UUID, erasure_id: UUID, service: str = SERVICES[0], *, at: datetime | None = None, count: int = 1
) -> ErasureAcknowledged:
    """One service's word."""
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

    replace_for_good(module, "append", killing)


def _die_among_the_deletions() -> None:
    async def killing(*_: Any) -> int:
        return int(die())

    replace_for_good(lifecycle, "delete_record", killing)


PLACES: dict[str, Callable[[], None]] = {
    "among the deletions": _die_among_the_deletions,
    "after the deletions, before the commit": _die_before_commit,
    "after the commit": lambda: None,
}


async def _main(place: str, spec: dict[str, Any]) -> None:
    PLACES[place]()
    pool = await create_pool(PostgresSettings.model_validate({"dsn": spec["dsn"]}), application="tests")
    request = ErasureRequest(SWEEPER, "retention-over", datetime.fromisoformat(spec["now"]))
    await erase_record(Storage(pool, KEYRINGS), LIFECYCLE, UUID(spec["record_id"]), request)
    die()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], json.load(sys.stdin)))
