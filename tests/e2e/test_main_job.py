"""The whole main job: the demo, deposits while services are down, and data that must never leak."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from deploy.local.demo import mailbox
from deploy.local.demo.client import Dmp, RefusedError
from deploy.local.demo.script import play
from deploy.local.demo.story import Story
from deploy.local.platform.stack import Stack
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS, TOPICS
from tests.e2e.acting import set_scene
from tests.infra.platform.parts import USERS, Parts
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S, eventually


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
        "is there",
        "without amounts",
        "hides the section",
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


async def test_nobody_finds_a_name_a_number_a_token_or_a_content_where_it_does_not_belong(
    stack: Stack, dmp: Dmp
) -> None:
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    wrong = scene.person.opening() | {"traits": {**scene.person.opening()["traits"], "birth_name": "MIRAMBEAU"}}  # type: ignore[dict-item]
    answers: list[str] = []
    for method, service, path, body in (
        ("POST", "identity", "/records", wrong),
        ("POST", "identity", "/records", {"ins": scene.person.ins}),
        ("POST", "records", "/fhir", scene.person.opening()),
    ):
        with pytest.raises(RefusedError) as refused:
            await scene.hospital.call(method, service, path, json=body)
        answers.append(f"{refused.value.code} {refused.value.detail}")
    person = scene.person
    secrets = {
        person.ins[:13],
        person.birth_name,
        person.given_name,
        person.mail,
        "MIRAMBEAU",
        "ESTREVAL",
        (await scene.hospital.token()).rsplit(".", 1)[1],
        (await scene.holder.token()).rsplit(".", 1)[1],
        "Lettre de liaison",
    }
    places = dict(_logs(stack)) | {f"answer {number}": text for number, text in enumerate(answers)}
    places |= await _metrics(stack)
    places |= await _topics(stack)
    assert len(places) > 30
    leaks = {(name, secret) for name, text in places.items() for secret in secrets if _says(text, secret)}
    assert leaks == set()


def _says(text: str, secret: str) -> bool:
    return re.search(re.escape(secret), text, re.IGNORECASE) is not None


def _logs(stack: Stack) -> Iterator[tuple[str, str]]:
    for path in sorted(Path(stack.layout.logs).glob("*")):
        yield path.name, path.read_text("utf-8", "replace")


async def _metrics(stack: Stack) -> dict[str, str]:
    pages = {}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for service in SERVICES:
            for role in ("metrics", "worker"):
                answer = await client.get(f"http://127.0.0.1:{stack.ports[f'{service}-{role}']}/metrics")
                assert answer.status_code == 200
                pages[f"metrics of {service} {role}"] = answer.text
            assert (await client.get(f"{stack.url(service, 'api')}/metrics")).status_code == 404
    return pages


async def _topics(stack: Stack) -> dict[str, str]:
    passwords = {user: stack.kafka.credentials(user).password for user in USERS}
    topics = Topics(Parts(stack.postgres.dsn(), stack.kafka.bootstrap, passwords), "")
    contents = {}
    for name in [topic.name for topic in TOPICS] + [group.dead_letters for group in GROUPS]:
        records = await topics.read_raw(name)
        if name == "identity.professionals.v1":
            continue  # the public directory
        contents[name] = "\n".join(str((r.key, r.value, r.headers)) for r in records)
    await topics.close()
    return contents
