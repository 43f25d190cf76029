"""No existence leaks: what a reader may not see answers like what does not exist, byte for byte and in its time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.http import constant_time
from shared.runtime import clock
from shared.terminology.documents import document_type
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.mixes import acting, application, in_mode
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    document_ids,
    ins_of,
    named,
)

SOMEBODY, NOBODY = Person(92), Person(93)
STRANGER, BLOCKED, STUDENT = "899900000042", "899900000043", "899900000044"
MOTHER = uuid4()
PATCH = {"content-type": "application/json-patch+json"}
MASK = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
LOCKS = """
select (select count(*) from pg_locks where pid <> pg_backend_pid() and database = (
          select oid from pg_database where datname = current_database()))
     + (select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null
          and pid <> pg_backend_pid() and backend_type = 'client backend')"""


class ResponseDelays:
    """Replaces the wait for the fixed response delay: an answer goes at once, or is held. Counts the delays."""

    def __init__(self, api: RecordsApi) -> None:
        self.api = api
        self.waits: list[float] = []
        self.held: asyncio.Event | None = None

    async def wait_until(self, moment: float) -> None:
        self.waits.append(moment)
        if self.held is None:
            await eventually(self._nothing_is_held, seconds=30)  # a NOTIFY may be on its way
        else:
            await self.held.wait()

    async def _nothing_is_held(self) -> bool:
        """Returns whether the answer holds no connection of the pool."""
        return self.api.pool.get_idle_size() == self.api.pool.get_size()

    async def of(self, request: Awaitable[httpx2.Response]) -> tuple[httpx2.Response, int]:
        """Returns the answer, and how many times it was delayed."""
        before = len(self.waits)
        answer = await request
        return answer, len(self.waits) - before


@pytest.fixture
def delays(api: RecordsApi, monkeypatch: pytest.MonkeyPatch) -> ResponseDelays:
    made = ResponseDelays(api)
    monkeypatch.setattr(constant_time, "wait_until", made.wait_until)
    return made


def visible_parts(answer: httpx2.Response, *sent: UUID) -> tuple[int, list[tuple[str, str]], bytes]:
    """Returns all that a client sees of an answer, except its trace id and the ids that it sent itself."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name != "traceparent"]
    content = answer.content
    for id in sent:
        content = content.replace(str(id).encode(), b"sent")
    return answer.status_code, sorted(headers), content


DocumentRequest = Callable[[RecordsApi, UUID, str], Awaitable[httpx2.Response]]


async def read_reference(api: RecordsApi, document: UUID, token: str) -> httpx2.Response:
    return await api.get(f"/fhir/DocumentReference/{document}", token)


async def read_content(api: RecordsApi, document: UUID, token: str) -> httpx2.Response:
    return await api.get(f"/fhir/Binary/{document}", token)


async def patch(api: RecordsApi, document: UUID, token: str) -> httpx2.Response:
    path = f"/fhir/DocumentReference/{document}"
    return await api.client.patch(path, json=MASK, headers={**bearer(token), **PATCH})


DOCUMENT_REQUESTS: list[DocumentRequest] = [read_reference, read_content, patch]


async def search(api: RecordsApi, record: UUID, token: str) -> httpx2.Response:
    return await api.search(token, patient=str(record), status="current")


async def search_by_ins(api: RecordsApi, person: Person, token: str) -> httpx2.Response:
    ins = ins_of(person)
    return await api.search(token, patient_identifier=f"{ins.system}|{ins.matricule}", status="current")


async def what_if(api: RecordsApi, record: UUID, token: str, *documents: UUID) -> httpx2.Response:
    body = {"changes": [], "documents": [{"document_id": str(document), "change": "mask"} for document in documents]}
    return await api.client.post(f"/records/{record}/what-if", json=body, headers=bearer(token))


async def a_record(api: RecordsApi, **chosen: Any) -> tuple[UUID, dict[str, UUID]]:
    """A record of whose documents one is plain and the others are hidden, each in another way."""
    record = await api.open_record(SOMEBODY)
    since = {"from": "2026-01-01T00:00:00Z"}
    usual: dict[str, Any] = {
        "authorisations": [{"holder_id": national_id, **since} for national_id in (OTHER_DOCTOR, BLOCKED, STUDENT)],
        "blocked": [BLOCKED],
        "hidden_sections": ["BIOLOGIE"],
        "emergency": {"break_glass": False, "regulation_centre": False},
    }
    await api.choose(record, 1, **{**usual, **chosen})
    await api.name_people(record, 1, representatives=[named(MOTHER)])
    biology = document_type("11502-2")
    assert biology is not None
    ids = await api.publish(
        a_deposit(SOMEBODY),
        a_deposit(SOMEBODY, content=b"1", labels=("N", "MASQUE_PS")),
        a_deposit(SOMEBODY, content=b"2", type=biology),
        a_deposit(SOMEBODY, content=b"3"),
        a_deposit(SOMEBODY, content=b"4", labels=("N", "INVISIBLE_PATIENT")),
        a_deposit(SOMEBODY, content=b"5", labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX")),
    )
    names = ("plain", "masked", "of a hidden section", "deleted", "invisible", "invisible to representatives")
    documents = dict(zip(names, ids, strict=True))
    await api.pool.execute("update documents set life = 'deleted' where id = $1", documents["deleted"])
    waiting = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=b"6")))
    documents["not published"] = document_ids(waiting)[0]
    await api.pool.execute("delete from outbox")
    return record, documents


REFUSED: dict[str, tuple[Callable[[UUID], str], tuple[str, ...]]] = {
    "a doctor whom nobody authorised": (lambda _: as_doctor(STRANGER), ("plain", "masked", "deleted")),
    "a doctor who is blocked": (lambda _: as_doctor(BLOCKED), ("plain", "masked", "deleted")),
    "a doctor who is authorised": (
        lambda _: as_doctor(OTHER_DOCTOR),
        ("masked", "of a hidden section", "deleted", "not published"),
    ),
    "a doctor in an emergency that is opposed": (
        lambda record: in_mode("bris_de_glace", record, STRANGER),
        ("plain", "masked"),
    ),
    "a doctor in the emergency of another record": (
        lambda _: in_mode("bris_de_glace", uuid4(), STRANGER),
        ("plain", "masked", "deleted"),
    ),
    "a profession that the matrix denies": (lambda _: professional_token(STUDENT, "R94_44"), ("plain", "masked")),
    "an author": (lambda _: as_doctor(DOCTOR), ("deleted",)),
    "other software": (lambda _: as_software(CLINIC), ("plain", "masked", "deleted")),
    "an application": (lambda _: application(), ("plain", "masked")),
    "the patient": (as_patient, ("invisible", "deleted", "not published")),
    "a representative": (
        lambda record: acting("representative", MOTHER, record),
        ("invisible", "invisible to representatives", "deleted"),
    ),
    "a representative of somebody else": (lambda record: acting("representative", uuid4(), record), ("plain",)),
    "another patient": (lambda _: as_patient(uuid4()), ("plain", "invisible", "deleted")),
}
"""Who asks, and for which documents, that are there and are not for them."""


@pytest.mark.parametrize("who", REFUSED)
async def test_a_document_that_is_refused_by_choice_answers_like_one_that_is_missing(
    api: RecordsApi, delays: ResponseDelays, who: str
) -> None:
    record, documents = await a_record(api)
    token_of, hidden = REFUSED[who]
    token = token_of(record)
    for send_request in DOCUMENT_REQUESTS:
        missing, waited = await delays.of(send_request(api, uuid4(), token))
        assert (missing.status_code, waited) == (403 if (who, send_request) == ("an application", patch) else 404, 1)
        for name in hidden:
            refused, delay_count = await delays.of(send_request(api, documents[name], token))
            assert (visible_parts(refused), delay_count) == (visible_parts(missing), waited), (
                send_request.__name__,
                name,
            )


@pytest.mark.parametrize(
    "who", [name for name in REFUSED if name not in ("the patient", "a representative", "an author")]
)
async def test_a_record_that_may_not_be_searched_answers_like_one_that_is_unknown(
    api: RecordsApi, delays: ResponseDelays, who: str
) -> None:
    record, _ = await a_record(api, hidden_sections=["BIOLOGIE", "CPT_REND"])
    token = REFUSED[who][0](record)
    missing = uuid4()
    for present, absent in (
        (search(api, record, token), search(api, missing, token)),
        (search_by_ins(api, SOMEBODY, token), search_by_ins(api, NOBODY, token)),
    ):
        hidden, delay_count = await delays.of(present)
        unknown, waited = await delays.of(absent)
        ids = (record, missing)
        assert (visible_parts(hidden, *ids), delay_count, waited) == (visible_parts(unknown, *ids), 1, 1)


async def test_what_if_answers_of_a_foreign_record_and_of_an_invisible_document_like_of_none(
    api: RecordsApi, delays: ResponseDelays
) -> None:
    record, documents = await a_record(api)
    foreign, missing = [
        await delays.of(what_if(api, record_id, as_patient(uuid4()))) for record_id in (record, uuid4())
    ]
    assert (visible_parts(foreign[0]), foreign[1]) == (visible_parts(missing[0]), 1)
    assert missing[1] == 1
    for name in ("invisible", "deleted"):
        hidden = await delays.of(what_if(api, record, as_patient(record), documents[name]))
        assert (visible_parts(hidden[0]), hidden[1]) == (visible_parts(missing[0]), 1)
    permitted, waited = await delays.of(what_if(api, record, as_patient(record), documents["plain"]))
    assert (permitted.status_code, waited) == (200, 0)


@pytest.mark.parametrize("kind", ["never", "unknown profession", "operator"])
async def test_what_is_refused_openly_does_not_tell_by_its_time_whether_something_is_there(
    api: RecordsApi, delays: ResponseDelays, kind: str
) -> None:
    record, documents = await a_record(api)
    token = {
        "never": make_token("professional", STRANGER, profession="G15_10", never="insurer"),
        "unknown profession": professional_token(STRANGER, "G99_1"),
        "operator": make_token("operator", "ops"),
    }[kind]
    pairs: list[tuple[Awaitable[httpx2.Response], Awaitable[httpx2.Response]]] = [
        (search(api, record, token), search(api, uuid4(), token))
    ]
    pairs += [
        (send_request(api, documents["plain"], token), send_request(api, uuid4(), token))
        for send_request in DOCUMENT_REQUESTS
    ]
    for present, absent in pairs:
        answers = [await delays.of(request) for request in (present, absent)]
        assert [(answer.status_code, waited) for answer, waited in answers] == [(403, 1), (403, 1)]
        assert visible_parts(answers[0][0]) == visible_parts(answers[1][0])


async def test_what_cannot_be_checked_now_answers_alike_too(api: RecordsApi, delays: ResponseDelays) -> None:
    record, documents = await a_record(api)
    await api.be_fresh(clock.now() - timedelta(minutes=5))
    token = as_doctor(OTHER_DOCTOR)
    for send_request in (read_reference, read_content):
        present, absent = [
            await delays.of(send_request(api, document_id, token)) for document_id in (documents["plain"], uuid4())
        ]
        assert (present[0].status_code, present[1], absent[1]) == (503, 1, 1)
        assert visible_parts(present[0]) == visible_parts(absent[0])
    present, absent = [await delays.of(search(api, record_id, token)) for record_id in (record, uuid4())]
    assert (visible_parts(present[0]), present[1]) == (visible_parts(absent[0]), 1)


async def test_what_is_permitted_does_not_wait(api: RecordsApi, delays: ResponseDelays) -> None:
    record, documents = await a_record(api)
    for token in (as_doctor(OTHER_DOCTOR), as_patient(record), acting("representative", MOTHER, record)):
        for send_request in (read_reference, read_content):
            assert (await send_request(api, documents["plain"], token)).status_code == 200
        assert (await search(api, record, token)).json()["total"] > 0
    assert (await patch(api, documents["plain"], as_patient(record))).status_code == 200
    assert delays.waits == []


async def test_an_answer_waits_for_its_beat_and_holds_nothing_meanwhile(
    api: RecordsApi, delays: ResponseDelays, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, documents = await a_record(api)
    monkeypatch.setattr(constant_time, "now", lambda: 1000.0)
    delays.held = asyncio.Event()
    requests = [
        asyncio.ensure_future(read_content(api, document_id, as_doctor(STRANGER)))
        for document_id in (documents["plain"], documents["masked"], uuid4(), uuid4())
    ]

    async def all_wait() -> bool:
        return len(delays.waits) == len(requests)

    await eventually(all_wait)
    assert not any(request.done() for request in requests)
    assert set(delays.waits) == {1000.0 + constant_time.RESPONSE_DELAY_S}, "the same for what is there and what is not"
    assert api.pool.get_idle_size() == api.pool.get_size()
    assert await api.pool.fetchval(LOCKS) == 0
    delays.held.set()
    assert {answer.status_code for answer in await asyncio.gather(*requests)} == {404}


TOLD_OF_A_BLOCK = {"TD0.2: POST Patient/_search", "TD0.2: GET Patient"}
"""Where a professional learns of a block, because the field's protocol tells it; nowhere else."""


def of_document(
    send_request: DocumentRequest, api: RecordsApi, document_id: UUID
) -> Callable[[str], Awaitable[httpx2.Response]]:
    return lambda token: send_request(api, document_id, token)


async def test_td02_alone_tells_a_professional_of_a_block(api: RecordsApi, delays: ResponseDelays) -> None:
    record, documents = await a_record(api)
    ins = ins_of(SOMEBODY)
    identifier = f"{ins.system}|{ins.matricule}"
    ways: dict[str, Callable[[str], Awaitable[httpx2.Response]]] = {
        **{
            f"{send_request.__name__} of a document": of_document(send_request, api, documents["plain"])
            for send_request in DOCUMENT_REQUESTS
        },
        "search": lambda token: search(api, record, token),
        "search by INS": lambda token: search_by_ins(api, SOMEBODY, token),
        "what-if": lambda token: what_if(api, record, token),
        "TD0.2: POST Patient/_search": lambda token: api.client.post(
            "/fhir/Patient/_search", data={"identifier": identifier}, headers=bearer(token)
        ),
        "TD0.2: GET Patient": lambda token: api.get(
            f"/fhir/Patient?{httpx2.QueryParams({'identifier': identifier})}", token
        ),
    }
    differing = set()
    for name, send_request in ways.items():
        blocked, stranger = await send_request(as_doctor(BLOCKED)), await send_request(as_doctor(STRANGER))
        if visible_parts(blocked) != visible_parts(stranger):
            differing.add(name)
    assert differing == TOLD_OF_A_BLOCK
