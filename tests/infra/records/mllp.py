"""The MLLP listener of records on the database of the API's tests, without TLS on the loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.records.copies.steps import apply_client_copies
from services.records.copies.store.matrices import MatrixCache
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from services.records.hl7v2.context import Hl7v2Context, Hl7v2Rules, ListenerRules
from services.records.hl7v2.listener import Listener
from shared.contracts.identity import ClientChanged
from shared.contracts.topics import IDENTITY_CLIENTS
from shared.db.pool import transaction
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from tests.infra.messaging.messages import message
from tests.infra.records.hl7v2_messages import APPLICATION, FACILITY, MllpClient
from tests.infra.records.records_api import HOSPITAL, RING, RecordsApi

LIMIT_S = 120


@dataclass
class MllpTarget:
    """A listener with the API and the copies of its service."""

    api: RecordsApi
    listener: Listener
    port: int
    version: int = 0

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[MllpClient]:
        """Opens a connection for the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24, **options)
        try:
            yield MllpClient(reader, writer)
        finally:
            writer.close()

    async def register(self, client_id: str = "laboratoire", **changed: Any) -> None:
        """Applies identity's event of a registered client, by default the one whose messages the tests send."""
        self.version += 1
        values = {
            "client_id": client_id,
            "version": self.version,
            "organisation_id": HOSPITAL,
            "status": "active",
            "scopes": ("documents.deposit",),
            "applications": (f"{APPLICATION}|{FACILITY}",),
        } | changed
        async with transaction(self.api.pool) as connection:
            await apply_client_copies(connection, [message(ClientChanged.model_validate(values))])

    async def be_fresh(self, at: datetime | None = None) -> None:
        """Raises the watermark of registered clients to `at`, by default now."""
        async with transaction(self.api.pool) as connection:
            await connection.execute("delete from copy_watermarks where topic = $1", IDENTITY_CLIENTS.name)
            await raise_watermarks(connection, {(IDENTITY_CLIENTS.name, 0): at or clock.now()})


@asynccontextmanager
async def run_mllp(api: RecordsApi, *, body_limit: int = 20_000_000, **rules: Any) -> AsyncIterator[MllpTarget]:
    """Runs a listener on a free port. `rules`: further values of ListenerRules."""
    read = ReadContext(
        api.pool, api.vault, MatrixCache(), FactsRules(timedelta(seconds=LIMIT_S), "never", masked_and_invisible=False)
    )
    context = Hl7v2Context(read, RING, Hl7v2Rules(("P", "T", "D"), timedelta(seconds=LIMIT_S)), api.quarantine)
    listener = Listener(context, ListenerRules("127.0.0.1", 0, rules.pop("max_connections", 50), body_limit, **rules))
    async with listener.serving() as server:
        yield MllpTarget(api, listener, server.sockets[0].getsockname()[1])
