"""The pages of who did what: in words, repeats in one line, own acts hidden until asked for, and why."""

from datetime import timedelta
from typing import get_args
from uuid import UUID, uuid4

import httpx2
import pytest

from services.audit.explanations.pages.words import act_words
from shared.contracts.audit import Action
from shared.contracts.base import Actor
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import transaction
from shared.public_names import copy_names
from shared.web.languages import LANGUAGES
from shared.web.pages import Pages
from tests.infra.audit.keys import MOTIVES
from tests.infra.audit.ledger import DOCTOR, HOSPITAL, Ledger, doctor, judged, parent_token, reading
from tests.infra.http.tokens import bearer, patient_token, professional_token
from tests.infra.messaging.messages import message, outbox

STRANGER = "899700000009"


async def open_page(ledger: Ledger, path: str, token: str | None = None, language: str = "fr") -> httpx2.Response:
    cookie = f"__Host-access={token or patient_token(ledger.record_id)}"
    headers = {"cookie": cookie, "accept-language": language}
    return await ledger.client.get(f"/dossier/{ledger.record_id}/{path}", headers=headers)


async def read_page(ledger: Ledger, path: str, token: str | None = None, language: str = "fr") -> str:
    answer = await open_page(ledger, path, token, language)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
async def life(ledger: Ledger) -> Ledger:
    """An open record of a patient whom a doctor and a hospital, both in the directory, treat."""
    await ledger.record()
    person = ProfessionalChanged(professional_id=DOCTOR, version=1, name="Dr Alix <Marbeuf>", profession="G15_10")
    place = StructureChanged(structure_id=HOSPITAL, version=1, name="Hôpital des Trois Rivières")
    async with transaction(ledger.pool) as connection:
        await copy_names(connection, [message(person), message(place)])
    return ledger


def patient(ledger: Ledger) -> Actor:
    return Actor(kind="patient", id=str(ledger.record_id))


async def emergency(ledger: Ledger, document_id: UUID) -> None:
    facts = reading(mode="bris_de_glace", motive=True, record_named=True, break_glass=True)
    motive = MOTIVES.transport_keys.encrypt_jwe(b"inconscient <aux urgences>", "motive")
    decision = {**judged(facts), "mode": "bris_de_glace", "motive": motive}
    await ledger.access(doctor(), "read-document", decision, document_id=document_id, session_id=uuid4())


async def test_each_act_is_a_sentence_in_the_language_of_the_reader(life: Ledger) -> None:
    document = await life.document()
    await life.access(doctor(), "read-document", judged(reading()), document_id=document)
    await life.access(doctor(STRANGER), "read-document", judged(reading(blocked="professional")), document_id=document)
    french = " ".join((await read_page(life, "historique")).split())
    assert "<strong>Dr Alix &lt;Marbeuf&gt;</strong> a lu un document" in french
    assert f"Un professionnel (numéro {STRANGER}, absent de l’annuaire)</strong> a voulu lire un document" in french
    assert "La personne a bloqué ce professionnel ou sa structure." in french
    assert "Hôpital des Trois Rivières" in french
    english = " ".join((await read_page(life, "historique", language="en")).split())
    assert "</strong> tried to read a document" in english
    assert "a lu un document" not in english


async def test_repeated_looks_are_one_line_and_own_acts_are_counted_until_asked_for(life: Ledger) -> None:
    first, second = await life.document(), await life.document()
    for document in (first, first, second):
        await life.access(doctor(), "read-document", judged(reading()), document_id=document)
    for subject in (DOCTOR, DOCTOR):
        decision = {"outcome": "permitted", "reason": "patient-side"}
        await life.access(patient(life), "authorise-professional", decision, subject_id=subject)
    hidden = await read_page(life, "historique")
    assert "2 actes de vous ne sont pas affichés" in hidden
    assert "Vous</strong>" not in hidden
    assert hidden.count("a lu un document") == 2
    assert "2 fois" in hidden
    shown = " ".join((await read_page(life, "historique?own=shown")).split())
    line = "<strong>Vous</strong> avez autorisé <strong>Dr Alix &lt;Marbeuf&gt;</strong>"
    assert shown.count(line) == 2, "each change keeps its line"
    params, headers = {"own": "hidden"}, bearer(patient_token(life.record_id))
    listed = (await life.client.get(f"/records/{life.record_id}/accesses", params=params, headers=headers)).json()
    assert (listed["own_hidden"], {access["who"]["you"] for access in listed["accesses"]}) == (2, {False})


async def test_a_representative_hides_their_own_acts_and_sees_those_of_the_patient(life: Ledger) -> None:
    decision = {"outcome": "permitted", "reason": "patient-side"}
    await life.access(patient(life), "block-professional", decision, subject_id=DOCTOR)
    page = await read_page(life, "historique", parent_token(life.record_id))
    assert "Une autre personne" in page
    assert "pas affiché" not in page


async def test_every_page_that_shows_the_ledger_stands_in_it_once(life: Ledger) -> None:
    document = await life.document()
    entry = await life.access(doctor(), "read-document", judged(reading()), document_id=document)
    expected = {
        "historique": "list-accesses",
        f"historique/document/{document}": "list-accesses",
        f"historique/{entry}": "explain-decision",
        "urgences": "list-emergencies",
    }
    for path, action in expected.items():
        before = len(await outbox(life.pool))
        await read_page(life, path)
        assert [event.action for event in (await outbox(life.pool))[before:]] == [action]  # type: ignore[attr-defined]


async def test_the_part_about_a_document_shows_that_document_alone(life: Ledger) -> None:
    mine, other = await life.document(), await life.document()
    secret = await life.document("INVISIBLE_PATIENT")
    await life.access(doctor(), "read-document", judged(reading()), document_id=mine)
    for document in (other, secret):
        await life.access(doctor(STRANGER), "read-document", judged(reading()), document_id=document)
    page = await read_page(life, f"historique/document/{mine}")
    assert "Marbeuf" in page
    assert STRANGER not in page
    hidden = await read_page(life, f"historique/document/{secret}")
    assert "Personne d’autre que vous" in hidden, "a document of which the patient may not know leaves no trace"


async def test_an_act_is_explained_in_words_to_the_patient_side_alone(life: Ledger) -> None:
    document = await life.document()
    entry = await life.access(doctor(), "read-document", judged(reading()), document_id=document)
    refusal = await life.access(doctor(), "read-document", judged(reading(blocked="professional")))
    page = " ".join((await read_page(life, f"historique/{entry}")).split())
    assert "Pourquoi était-ce possible" in page
    assert "La personne a autorisé ce professionnel ou sa structure." in page
    assert "Pourquoi était-ce refusé" in await read_page(life, f"historique/{refusal}")
    assert (await open_page(life, f"historique/{uuid4()}")).status_code == 404
    assert (await open_page(life, f"historique/{entry}", patient_token(uuid4()))).status_code == 404
    assert (await open_page(life, "historique", professional_token(DOCTOR))).status_code == 403


async def test_an_emergency_stands_out_with_its_motive(life: Ledger) -> None:
    document = await life.document()
    await emergency(life, document)
    assert 'class="urgent"' in await read_page(life, "historique")
    page = await read_page(life, "urgences")
    assert "inconscient &lt;aux urgences&gt;" in page
    assert f"/acces/changer?action=block-professional&amp;subject={DOCTOR}" in page
    assert "Un document lu" in page


async def test_older_lines_are_on_further_pages(life: Ledger) -> None:
    document = await life.document()
    start = life.time - timedelta(days=70)
    for day in range(60):
        at = start + timedelta(days=day)
        await life.access(doctor(), "read-document", judged(reading()), at, document_id=document)
    first = await read_page(life, "historique")
    link = first.split('href="/dossier/')[-1] if "avant=" not in first else first.split("avant=")[1].split('"')[0]
    second = await read_page(life, f"historique?own=hidden&avant={link}")
    assert first.count("a lu un document") + second.count("a lu un document") == 60


def test_every_action_of_the_ledger_has_words_in_both_languages() -> None:
    pages = Pages("audit", ["explanations", "emergencies"])
    for language in LANGUAGES:
        t = pages.words(language)
        for is_refused in (True, False):
            words = [
                act_words(action, t, is_refused=is_refused, is_own=False)
                for action in (*get_args(Action), "publish-document")
            ]
            assert len({*words}) == len(words)
            assert not any("/" in text.split()[-1] or "act." in text for text in words)
        assert act_words("do-something-new", t, is_refused=False, is_own=True) != ""
