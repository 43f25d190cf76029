"""The alerts of a record for its holder: listed with their state, in words on a page, with the preferences beside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2

from services.notify.alerts.domain.alerts import Alert, Audience
from services.notify.alerts.store import alerts as restrictions
from services.notify.alerts.store.alert_queue import RaisedAlert, insert_alerts
from services.notify.app import make_api
from shared.contracts.label_versions import LabelVersion
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.web.languages import LANGUAGES
from shared.web.pages import Pages
from tests.infra.http.tokens import TestKeys, bearer, make_token, patient_token, professional_token
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
    app = make_api(notify.settings(database, None), TestKeys())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://notify.test") as client:
            yield Holder(client, app.state.pool)


async def test_alerts_are_listed_newest_first_without_those_the_holder_may_not_know_of(database: Database) -> None:
    async with holder_of(database) as holder:
        older = await holder.raise_alert(minutes=9)
        newer = await holder.raise_alert(minutes=2, status="failed", reason="smtp-550")
        await holder.raise_alert(minutes=1, status="withheld", reason="invisible-to-patient")
        await holder.raise_alert(minutes=1, audience=Audience.NOBODY)
        hidden = await holder.raise_alert(minutes=1)
        restriction = restrictions.Restriction(holder.record_id, Audience.NOBODY, LabelVersion(2, 0, clock.now()))
        async with transaction(holder.pool) as connection:
            await restrictions.upsert_restrictions(connection, {hidden: restriction})
        listed = (await holder.list())["alerts"]
        assert [alert["document_id"] for alert in listed] == [str(newer), str(older)]
        assert [(alert["status"], alert["reason"]) for alert in listed] == [("failed", "smtp-550"), ("sent", None)]
        first = await holder.list(limit="1")
        assert [alert["document_id"] for alert in first["alerts"]] == [str(newer)]
        second = await holder.list(limit="1", before=first["next"])
        assert ([alert["document_id"] for alert in second["alerts"]], second["next"]) == ([str(older)], None)
        wrong = await holder.client.get(
            f"/records/{holder.record_id}/alerts", params={"before": "yesterday"}, headers=bearer(holder.token)
        )
        assert wrong.json()["code"] == "alert-place-invalid"


async def test_only_the_holder_sees_the_alerts_of_a_record(database: Database) -> None:
    async with holder_of(database) as holder:
        await holder.raise_alert()
        parent = make_token("representative", str(uuid4()), record_id=holder.record_id)
        for token in (patient_token(uuid4()), parent, professional_token("899700000001")):
            answer = await holder.client.get(f"/records/{holder.record_id}/alerts", headers=bearer(token))
            assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
            assert (await holder.open(token=token)).status_code == 404


async def test_the_page_says_what_became_of_each_alert_and_what_to_do(database: Database) -> None:
    async with holder_of(database) as holder:
        document = await holder.raise_alert()
        await holder.raise_alert("emergency", document_id=None, channel="sms", status="failed", reason="smtp-550")
        await holder.raise_alert("consultation", document_id=None, status="unwanted", reason="switched-off")
        await holder.raise_alert(status="unwanted", reason="own-deposit")
        page = (await holder.open()).text
        assert f"/dossier/{holder.record_id}/documents/{document}" in page
        assert "Vérifiez votre numéro" in page
        assert "vous avez désactivé ces alertes" in page
        assert page.count("Un document est arrivé") == 1, "an own document is no news"


async def test_preferences_are_chosen_on_the_page(database: Database) -> None:
    async with holder_of(database) as holder:
        headers = {"cookie": f"__Host-access={holder.token}", "sec-fetch-site": "same-origin"}
        path = f"/dossier/{holder.record_id}/alertes"
        for _ in range(2):
            answer = await holder.client.post(path, data={"document": "1"}, headers=headers)
            assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?fait=1")
        assert "sont enregistrés" in (await holder.open("?fait=1")).text
        kept = await holder.client.get(f"/records/{holder.record_id}/preferences", headers=bearer(holder.token))
        assert kept.json() == {"document": True, "consultation": False}
        assert await holder.pool.fetchval("select count(*) from outbox") == 1


def test_every_state_has_words_in_both_languages() -> None:
    pages = Pages("notify", ["alerts"])
    for language in LANGUAGES:
        for reason in ("switched-off", "no-address", "no-mobile"):
            assert pages.words(language)(f"alerts.{reason}")
