"""The holder of a record with alerts, at notify's API and its page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2

from services.notify.alerts.domain.alerts import Alert, Audience
from services.notify.alerts.store.alert_queue import RaisedAlert, insert_alerts
from services.notify.app import make_api
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from tests.infra.http.tokens import TestKeys, bearer, patient_token
from tests.infra.notify import notify
from tests.infra.platform.databases import Database


class Holder:
    """A record's holder, with the API and the pages."""

    def __init__(self, client: httpx2.AsyncClient, pool: Pool) -> None:
        self.client, self.pool, self.record_id = client, pool, uuid4()
        self.token = patient_token(self.record_id)

    async def raise_alert(self, kind: str = "document", status: str = "sent", minutes: int = 0, **more: Any) -> UUID:
        """Stores an alert about something that happened so many minutes ago; returns its document's id."""
        bucket = clock.bucket_of(self.record_id)
        fields: dict[str, Any] = {
            "document_id": clock.new_id(bucket),
            "channel": "mail",
            "audience": Audience.EVERYBODY,
            **more,
        }
        reason = fields.pop("reason", None)
        alert = Alert(
            id=clock.new_id(bucket),
            record_id=self.record_id,
            kind=kind,  # type: ignore[arg-type] # a kind of the tests
            deposit_id=None,
            caused_by=uuid4(),
            caused_at=clock.now() - timedelta(minutes=minutes),
            trace="",
            **fields,
        )
        async with transaction(self.pool) as connection:
            await insert_alerts(connection, [RaisedAlert(alert, status, reason)], clock.now(), timedelta())
        document_id: UUID = fields["document_id"]
        return document_id

    async def list(self, **params: str) -> dict[str, Any]:
        """Returns a page of the API."""
        path = f"/records/{self.record_id}/alerts"
        answer = await self.client.get(path, params=params, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def open(self, path: str = "", token: str | None = None) -> httpx2.Response:
        """Returns the page `/dossier/{id}/alertes`."""
        headers = {"cookie": f"__Host-access={token or self.token}", "accept-language": "fr"}
        return await self.client.get(f"/dossier/{self.record_id}/alertes{path}", headers=headers)


@asynccontextmanager
async def holder_of(database: Database) -> AsyncIterator[Holder]:
    """Serves the API; yields the holder of a record without alerts."""
    app = make_api(notify.settings(database, None), TestKeys())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://notify.test") as client:
            yield Holder(client, app.state.pool)
