"""The pages of who may see a record: names instead of numbers, no effect without a confirmation, then in force."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args
from uuid import uuid4

import httpx2
import pytest

from services.consent.choices.domain.choices import ChangeAction
from services.consent.choices.pages.changes import ACTIONS, REWORDED, SHOWN_REFUSALS
from services.consent.directory.steps import copy_searchable_names
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import transaction
from shared.web.languages import LANGUAGES
from shared.web.pages import Pages
from tests.infra.consent.consent_api import ConsentApi, Record, person, representative
from tests.infra.messaging.messages import message
from tests.infra.platform.waiting import eventually

DOCTOR, NURSE, CLINIC = "899700000001", "899700000002", "1750000001"
PAGES = ("", "/versions", "/urgence", "/chercher?nom=marbeuf", f"/changer?action=block-professional&subject={NURSE}")


class Browser:
    """Reads and sends the pages of one record with a session's cookies."""

    def __init__(self, record: Record, token: str | None = None, language: str = "fr") -> None:
        self._record, self._base = record, f"/dossier/{record.id}/acces"
        self._headers = {"cookie": f"__Host-access={token or record.holder}", "accept-language": language}

    async def open(self, path: str = "") -> httpx2.Response:
        """Returns the page at this path below `/acces`."""
        return await self._record.api.client.get(self._base + path, headers=self._headers)

    async def send(self, path: str = "", **fields: str) -> httpx2.Response:
        """Sends a form of the same origin."""
        headers = {**self._headers, "sec-fetch-site": "same-origin"}
        data = {name.replace("_", "-"): value for name, value in fields.items()}
        return await self._record.api.client.post(self._base + path, data=data, headers=headers)


@pytest.fixture
async def browser(api: ConsentApi, record: Record) -> Browser:
    """The patient's browser; the directory knows a doctor, a nurse and a clinic."""
    people = ((DOCTOR, "Dr Inès Marbeuf", "G15_10"), (NURSE, "Paul Tavernier", "G15_60"))
    entries: list[ProfessionalChanged | StructureChanged] = [
        ProfessionalChanged(professional_id=id, version=1, name=name, profession=role, structure_ids=(CLINIC,))
        for id, name, role in people
    ]
    async with transaction(api.pool) as connection:
        clinic = StructureChanged(structure_id=CLINIC, version=1, name="Clinique <du Lac>")
        await copy_searchable_names(connection, [message(entry) for entry in (*entries, clinic)])
    return Browser(record)


@asynccontextmanager
async def taking_effect(record: Record) -> AsyncIterator[None]:
    """Acknowledges each new version as records does, while the block runs."""

    async def acknowledge() -> None:
        query = "select version from consent_states where record_id = $1 and version > version_in_force"
        while True:
            await record.put_in_force(await eventually(lambda: record.api.pool.fetchval(query, record.id)))

    task = asyncio.create_task(acknowledge())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_page_names_whom_the_choices_are_about_in_the_language_of_the_reader(
    browser: Browser, record: Record
) -> None:
    await record.ask("PUT", f"attending-doctors/{DOCTOR}")
    await record.ask("PUT", f"blocks/{NURSE}")
    await record.ask("PUT", f"feeding-objections/{CLINIC}")
    await record.ask("PUT", "authorisations/899700000077")
    french = (await browser.open()).text
    for text in ("Dr Inès Marbeuf", "Paul Tavernier", "Clinique &lt;du Lac&gt;", "Numéro 899700000077, absent"):
        assert text in french
    assert "rechargez cette page" in french, "records has not applied the last choice yet"
    english = (await Browser(record, language="en").open()).text
    assert "Who may see the record" in english
    assert "Qui peut voir" not in english


async def test_reading_pages_changes_nothing_and_the_holder_alone_leaves_no_entry(
    browser: Browser, record: Record
) -> None:
    parent = uuid4()
    await record.announce_people(representatives=(person(parent),))
    before = await record.choices()
    for path in PAGES:
        assert (await browser.open(path)).status_code == 200, path
    assert await record.entries() == []
    assert await record.choices() == before
    for path in PAGES:
        assert (await Browser(record, representative(record.id, parent)).open(path)).status_code == 200
    entries = await record.entries()
    assert {(entry.action, entry.reason) for entry in entries} == {("see-choices", "representative")}
    assert len(entries) == len(PAGES) - 1, "a search of the public directory is no entry"


async def test_a_change_is_checked_then_confirmed_then_said_to_be_in_force(browser: Browser, record: Record) -> None:
    check = (await browser.open(f"/changer?action=authorise-professional&subject={NURSE}")).text
    assert "Paul Tavernier" in check
    assert (await record.choices())["authorised"] == []
    async with taking_effect(record):
        sent = {"action": "authorise-professional", "subject": NURSE, "duration": "month"}
        answer = await browser.send(**sent)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/dossier/{record.id}/acces?version=2&ms=")
        assert (await browser.send(**sent)).headers["location"] == f"/dossier/{record.id}/acces?version=2"
    done = await browser.open("?" + answer.headers["location"].partition("?")[2])
    assert "Votre choix s’applique" in done.text
    [entry] = await record.entries()
    assert (entry.action, entry.outcome, entry.subject_id) == ("authorise-professional", "permitted", NURSE)
    assert "par vous" in (await browser.open("/versions")).text


async def test_the_choices_for_emergencies_are_checked_as_a_whole_and_rest_on_what_was_seen(
    browser: Browser, record: Record
) -> None:
    fields = {"action": "choose-emergency-access", "version": "1", "regulation_centre": "1"}
    check = await browser.send("/changer", **fields)
    assert "Aucun professionnel ne peut ouvrir le dossier en urgence" in check.text
    async with taking_effect(record):
        assert (await browser.send(**fields)).status_code == 303
        late = await browser.send(**fields | {"break_glass": "1"})
    assert late.status_code == 412
    assert "ont changé pendant que vous lisiez" in late.text
    emergency = {"break_glass": False, "regulation_centre": True, "masked_documents": False}
    assert (await record.choices())["emergency"] == emergency


async def test_a_refusal_is_shown_with_what_to_do_next_and_stands_in_the_ledger(
    browser: Browser, record: Record
) -> None:
    await record.ask("PUT", f"blocks/{NURSE}")
    answer = await browser.send(action="authorise-professional", subject=NURSE)
    assert answer.status_code == 409
    assert "Débloquez-la d’abord" in answer.text
    assert (await record.entries())[-1].reason == "professional-blocked"
    unknown = await browser.send(action="name-attending-doctor", subject=NURSE)
    assert "Cherchez-le par son nom" in unknown.text
    assert (await browser.send(action="open-record")).status_code == 422
    other = Browser(record, Record(record.api, uuid4()).holder)
    assert (await other.open()).status_code == 404
    assert (await other.send(action="block-professional", subject=NURSE)).status_code == 404


async def test_a_search_leads_to_the_check_and_says_what_to_try_when_nothing_is_found(browser: Browser) -> None:
    results = (await browser.open("/chercher?pour=block-professional&nom=taver&lieu=lac")).text
    assert f"changer?action=block-professional&amp;subject={NURSE}" in results
    assert "Clinique &lt;du Lac&gt;" in results
    assert "Essayez le début du nom" in (await browser.open("/chercher?nom=zzz")).text
    assert "au moins deux lettres" in (await browser.open("/chercher?nom=-")).text
    doctors = (await browser.open("/chercher?pour=name-attending-doctor&lieu=lac&nom=")).text
    assert "Marbeuf" in doctors
    assert "Tavernier" not in doctors
    assert (
        "action=authorise-professional&amp;subject=99700000001"
        in (await browser.open("/chercher?nom=99700000001")).text
    )


def test_every_change_and_every_refusal_that_is_reworded_has_words_in_both_languages() -> None:
    pages = Pages("consent", ["choices"])
    for language in LANGUAGES:
        t = pages.words(language)
        for action in ACTIONS:
            assert t(f"choice-title.{action}")
            assert action == "choose-default-label" or t(f"choice-effect.{action}")
        for action in (*get_args(ChangeAction), "open-record", "name-in-full", "recover-state", "other"):
            assert t(f"choice-done.{action}")
        for code in REWORDED:
            assert t(f"choice-refusal.{code}")
    assert REWORDED <= SHOWN_REFUSALS
    assert set(ACTIONS) == {*get_args(ChangeAction)} - {"attest-care-team", "reference-application"}
