"""The whole main job: the demo, deposits while services are down, and what operators must never find."""

import io
from pathlib import Path

import httpx2
import pytest

from deploy.local.demo import mailbox
from deploy.local.demo.client import Dmp, RefusedError
from deploy.local.demo.script import play
from deploy.local.demo.story import Story
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from shared.crypto.archives import ArchiveUnreadableError, decrypt, encrypt, new_private_key
from tests.e2e.acting import set_scene
from tests.e2e.people_acting import act_as_people
from tests.e2e.reading import disks, read_as_operator
from tests.infra.platform.waiting import DEADLINE_S, eventually
from tests.infra.privacy.needles import Needles, texts_about_people
from tests.infra.privacy.places import dump


async def test_the_story_comes_true_from_the_opening_to_the_list_of_accesses(stack: Stack) -> None:
    lines: list[str] = []
    story = Story(stack.layout, lines.append, deadline_s=DEADLINE_S)
    await play(story)
    text = "\n".join(lines)
    for words in (
        "in force",
        "checked against",
        "published",
        "entered in the ledger",
        "alert handled",
        "Subject:",
        "consent-opposed",
        "byte for byte",
        "404",
        "REFUSED",
        "sends ORU^R01 over MLLP",
        "ACK_RECEPTION_DMP Y",
        "10.9 → 11.8 → 13.1 g/dL, rising",
        "is there",
        "without amounts",
        "hides the section",
        "its 5 lines are confirmed",
        "gone, though they were confirmed: Sertraline, Épisode dépressif moyen",
        "still reads them, as the médecin traitant",
        "contains this substance. Declared by the patient.",
        "Contraindication: Miconazole with Warfarine",
        "Do not stop or change your treatment",
        "breaks the glass",
        "decided again",
        "gives the code, is signed in",
        "notes the consent, reads the card, opens the record",
        "997 records opened, none of the three",
        "checks who has a record (TD0.2)",
        "closes the record",
        "verified; no backup",
    ):
        assert words in text, words


@pytest.mark.parametrize("away", ["consent", "audit", "notify"])
async def test_a_deposit_made_while_a_worker_is_away_is_kept_and_completed_when_it_is_back(
    stack: Stack, dmp: Dmp, away: str
) -> None:
    scene = await set_scene(stack, dmp)
    worker = f"{away}-worker"
    await stack.kill(worker, restart=False)
    try:
        place = await scene.deposit()
        progress = await scene.progress(place)
        if away == "consent":
            query = {"patient": scene.record_id, "status": "current"}
            search = await scene.holder.call("POST", "records", "/fhir/DocumentReference/_search", data=query)
            assert progress["status"] == "received"
            assert search.json().get("entry", []) == []
            with pytest.raises(RefusedError) as refused:
                await scene.holder.call("GET", "records", f"/fhir/Binary/{progress['document_id']}")
            assert refused.value.status == 404
        for service in SERVICES:
            async with httpx2.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{stack.url(service)}/readyz")).status_code == 200
    finally:
        await stack.start_again(worker)
    assert (await scene.done(place))["status"] == "published"


async def test_identity_may_be_away_while_tokens_live(stack: Stack, dmp: Dmp) -> None:
    scene = await set_scene(stack, dmp)
    await scene.hospital.token()
    await stack.kill("identity-api", restart=False)
    await stack.kill("identity-worker", restart=False)
    try:
        assert (await scene.done(await scene.deposit()))["status"] == "published"
    finally:
        await stack.start_again("identity-api")
        await stack.start_again("identity-worker")


async def test_a_trace_goes_from_the_request_to_the_mail(stack: Stack, dmp: Dmp) -> None:
    scene = await set_scene(stack, dmp)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    place = await scene.deposit(traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    await scene.done(place)

    async def mail() -> mailbox.CaughtMail | None:
        return next(iter(mailbox.caught_mails(stack.layout.mail, scene.person.mail)), None)

    message = await eventually(mail)
    assert str(message.message["traceparent"]).split("-")[1] == trace


async def test_waiting_for_the_result_tells_it_in_the_answer(stack: Stack, dmp: Dmp) -> None:
    scene = await set_scene(stack, dmp)

    async def answered_when_published() -> bool:  # a slow machine may have no result after these ten seconds
        progress = await scene.progress(await scene.deposit(prefer="wait=10"))
        return bool(progress["status"] == "published")

    assert await eventually(answered_when_published)


async def test_who_operates_it_finds_no_patient_no_contact_and_no_content(
    stack: Stack, dmp: Dmp, tmp_path: Path
) -> None:
    """After the story and the acts of people who keep their records; a professional's public name may be found."""
    answers: list[str] = []
    texts = await act_as_people(stack, dmp, answers.append)
    places = await read_as_operator(stack) | {f"answer {number}": text.encode() for number, text in enumerate(answers)}
    assert len(places) > 300
    folder = tmp_path / "read"
    folder.mkdir()
    assert Needles(texts_about_people(texts)).leaks(places, folder, disks(stack)) == set()


async def test_an_archive_of_a_database_opens_with_its_private_key_alone(stack: Stack) -> None:
    [readable] = (await dump(stack.postgres.dsn("identity"), "identity")).values()
    own, other = new_private_key(), new_private_key()
    archive, opened = io.BytesIO(), io.BytesIO()
    encrypt(io.BytesIO(readable), archive, [own.to_public()])
    assert b"CREATE TABLE" in readable
    assert b"CREATE TABLE" not in archive.getvalue()
    with pytest.raises(ArchiveUnreadableError):
        decrypt(io.BytesIO(archive.getvalue()), opened, [other])
    decrypt(io.BytesIO(archive.getvalue()), opened, [own])
    assert opened.getvalue() == readable


async def test_sms_and_letters_are_there_and_only_their_gateway_reads_them(stack: Stack) -> None:
    letters = mailbox.caught_letters(stack.layout)
    assert any("NULLEPART" in letter.text for letter in letters)
    assert not any(b"NULLEPART" in letter.path.read_bytes() for letter in letters)
