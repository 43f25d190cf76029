"""No more passwords wait to be hashed than can be hashed soon; who comes beyond them is told to come back."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx2
import pytest
import pytest_asyncio

from services.identity.accounts.domain import hash_queue
from services.identity.accounts.domain.hash_queue import HashPlace, HashQueue
from services.identity.accounts.domain.passwords import Argon2Hasher
from shared.errors import OverloadedError
from shared.http.admission import LIMITS, Limits, Urgency
from shared.runtime.metrics import REFUSED
from tests.infra.identity.accounts import MAIL, OTHER_PASSWORD, PASSWORD, IdentityApi, run_identity_api, session
from tests.infra.identity.identity_api import settings_of
from tests.infra.platform.databases import Database

REAL = {"password_memory_kib": 19456, "password_passes": 2, "password_lanes": 1, "refusal_s": 0.5}
"""What hashing costs outside of tests."""
FLOOD = 400


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[IdentityApi]:
    async with run_identity_api(database, settings=settings_of(database, accounts=REAL)) as made:
        yield made


def refused() -> float:
    return float(REFUSED.labels("hash-password", "unavailable")._value.get())  # the library has no other way


def visible_parts(answer: httpx2.Response) -> tuple[int, str | None, str, str]:
    """What an answer tells whoever reads it."""
    return answer.status_code, answer.headers.get("retry-after"), answer.headers["content-type"], answer.text


async def test_a_flood_of_sign_ins_is_refused_in_part_and_a_later_sign_in_succeeds(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, Urgency.CHANGE, Limits(2 * FLOOD, 2 * FLOOD))  # so that the hash queue alone refuses
    await api.open_account()
    device = await api.sign_in()
    before = refused()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    took: list[float] = []

    async def start(identifier: str) -> httpx2.Response:
        answer = await api.start(identifier, OTHER_PASSWORD)
        if answer.status_code == 503:
            took.append(loop.time() - begun)
        return answer

    names = (MAIL, "nobody@patient.example")
    answers = await asyncio.gather(*(start(names[number % 2]) for number in range(FLOOD)))
    whole = loop.time() - begun
    by_name = [
        {visible_parts(answer) for answer in answers[number::2] if answer.status_code == 503} for number in (0, 1)
    ]
    assert by_name[0] == by_name[1]
    [(status, retry_after, content_type, body)] = by_name[0]
    assert (status, retry_after, content_type) == (503, "5", "application/problem+json")
    assert '"code":"unavailable"' in body
    count = sum(answer.status_code == 503 for answer in answers)
    assert refused() - before == count
    assert count >= FLOOD - 2 * HashQueue().places
    assert {answer.status_code for answer in answers} <= {403, 429, 503}
    assert any(answer.status_code in (403, 429) for answer in answers)
    assert max(took) < whole
    assert session(await api.sign_in(device_token=device["device_token"]))


async def test_whatever_hashes_is_refused_before_it_looks_at_an_account_or_a_code(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    reset = await api.client.post("/password-resets", json={"identifier": MAIL})
    other = await api.client.post("/password-resets", json={"identifier": "nobody@patient.example"})
    monkeypatch.setattr(HashQueue, "places", 0)
    answers = [await api.start(name) for name in (MAIL, "nobody@patient.example")]
    for challenge in (reset, other):
        place = f"/password-resets/{challenge.json()['challenge_id']}/password"
        answers += [await api.client.post(place, json={"code": "000000", "password": OTHER_PASSWORD})]
    change = {"password": PASSWORD, "new_password": OTHER_PASSWORD}
    answers += [await api.client.put("/account/password", json=change, headers=session(signed_in))]
    assert {visible_parts(answer)[:3] for answer in answers} == {(503, "5", "application/problem+json")}
    monkeypatch.undo()
    code = await api.code("password-reset-code")
    place = f"/password-resets/{reset.json()['challenge_id']}/password"
    assert (await api.client.post(place, json={"code": code, "password": OTHER_PASSWORD})).status_code == 200
    assert await api.entries("sign-in") == [("permitted", "password-and-code", "patient")]


async def test_no_more_hashes_run_at_once_than_there_are_turns() -> None:
    queue, lock, running, most = HashQueue(at_once=2), threading.Lock(), 0, 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        Argon2Hasher().hash("some password")
        with lock:
            running -= 1

    async def hash_once() -> None:
        with queue.place() as place:
            await place.run(work)

    await asyncio.gather(*(hash_once() for _ in range(8)))
    assert most == 2


async def test_the_slower_hashes_are_the_fewer_wait_and_the_count_follows_them() -> None:
    queue = HashQueue(at_once=2)
    assert queue.places == 2 + 2 * round(hash_queue.LONGEST_WAIT_S / hash_queue.FIRST_GUESS_S)
    now = 0.0

    async def hash_for(place: HashPlace, seconds: float, patch: pytest.MonkeyPatch) -> None:
        times = iter((now, now + seconds))
        patch.setattr("services.identity.accounts.domain.hash_queue.monotonic", lambda: next(times))
        await place.run(lambda: None)

    for seconds, places in ((1.0, 6), (5.0, 4), (0.01, 300)):
        for _ in range(60):
            with queue.place() as place, pytest.MonkeyPatch.context() as patch:
                await hash_for(place, seconds, patch)
        assert queue.places == pytest.approx(places, rel=0.35)


async def test_a_place_is_given_back_whatever_becomes_of_the_work() -> None:
    queue = HashQueue(at_once=1)

    def fail() -> None:
        raise LookupError

    for _ in range(2 * queue.places):
        with pytest.raises(LookupError), queue.place() as place:
            await place.run(fail)
    with ExitStack() as taken:
        for _ in range(queue.places):
            taken.enter_context(queue.place())
        with pytest.raises(OverloadedError):
            taken.enter_context(queue.place())
