"""The alerts of a record for its holder: listed with their state, in words on a page, with the preferences beside."""

from uuid import uuid4

from services.notify.alerts.domain.alerts import Audience
from services.notify.alerts.store import alerts as restrictions
from shared.contracts.label_versions import LabelVersion
from shared.db.pool import transaction
from shared.runtime import clock
from shared.web.languages import LANGUAGES
from shared.web.pages import Pages
from tests.infra.http.tokens import bearer, make_token, patient_token, professional_token
from tests.infra.notify.alert_holder import holder_of
from tests.infra.platform.databases import Database


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
