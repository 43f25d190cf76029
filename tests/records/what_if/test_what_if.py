"""What a change would do is told before it is done, by the same rules, of what the asker sees; nothing changes."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.contracts.audit import AccessRecorded
from shared.terminology.documents import document_type
from tests.infra.http.tokens import bearer, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    named,
)

SOMEBODY = Person(90)
REPRESENTATIVE, CARER = uuid4(), uuid4()


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """OTHER_DOCTOR is authorised, the clinic a care team; DOCTOR wrote all."""
    record_id = await api.open_record(SOMEBODY)
    since = {"from": "2026-01-01T00:00:00Z"}
    await api.choose(
        record_id,
        1,
        authorisations=[{"holder_id": OTHER_DOCTOR, **since}, {"holder_id": CLINIC, "how": "care-team", **since}],
        attending_doctors=[DOCTOR],
    )
    await api.enter_professional(OTHER_DOCTOR, "G15_10")
    await api.name_people(record_id, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")])
    return record_id


@pytest.fixture
async def documents(api: RecordsApi, record: UUID) -> list[UUID]:
    """Two reports, one of biology, one masked by its author, one that the patient does not see."""
    biology = document_type("11502-2")
    assert biology is not None
    return await api.publish(
        a_deposit(SOMEBODY),
        a_deposit(SOMEBODY, content=b"2"),
        a_deposit(SOMEBODY, content=b"3", type=biology),
        a_deposit(SOMEBODY, content=b"4", labels=("N", "MASQUE_PS")),
        a_deposit(SOMEBODY, content=b"5", labels=("N", "INVISIBLE_PATIENT")),
    )


async def ask(api: RecordsApi, record: UUID, token: str, language: str = "en", **body: Any) -> httpx2.Response:
    return await api.client.post(
        f"/records/{record}/what-if", json=body, headers={**bearer(token), "accept-language": language}
    )


def changed(answer: httpx2.Response) -> dict[tuple[str, str], tuple[int, int]]:
    """Who -> before, after; of those whose view would change."""
    assert answer.status_code == 200, answer.text
    effects = answer.json()["effects"]
    return {
        (effect["who"], effect["id"]): (effect["before"], effect["after"])
        for effect in effects
        if effect["lost"] or effect["gained"]
    }


PROFESSION = ("profession", "G15_10")


async def test_hiding_a_section(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    answer = await ask(api, record, as_patient(record), changes=[{"change": "hide-section", "section": "BIOLOGIE"}])
    effects = changed(answer)
    assert effects["professional", OTHER_DOCTOR] == (3, 2)
    assert effects["care-team", CLINIC] == (3, 2)
    assert effects["emergency", "bris_de_glace"] == (3, 2)
    assert effects[PROFESSION] == (3, 2)
    assert ("attending-doctor", DOCTOR) not in effects, "sees hidden sections"
    assert (
        f"The professional {OTHER_DOCTOR} (Médecin) could no longer see 1 of the 3 documents seen now."
        in answer.json()["sentences"]
    )
    team = f"A doctor of the care team of the structure {CLINIC} could no longer see 1 of the 3 documents seen now."
    assert team in answer.json()["sentences"]


async def test_blocking_ending_objecting_and_opposing(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    token = as_patient(record)

    async def after(change: str, **more: Any) -> dict[tuple[str, str], tuple[int, int]]:
        return changed(await ask(api, record, token, changes=[{"change": change, **more}]))

    assert await after("block-professional", holder_id=OTHER_DOCTOR) == {("professional", OTHER_DOCTOR): (3, 0)}
    printed = OTHER_DOCTOR[1:6] + " " + OTHER_DOCTOR[6:]
    assert await after("block-professional", holder_id=printed) == {("professional", OTHER_DOCTOR): (3, 0)}
    assert await after("end-authorisation", holder_id=OTHER_DOCTOR) == {("professional", OTHER_DOCTOR): (3, 0)}
    assert await after("end-authorisation", holder_id=CLINIC) == {}, "a team's word is ended otherwise"
    assert await after("end-attestation", holder_id=CLINIC) == {("care-team", CLINIC): (3, 0)}
    assert await after("object-to-care-team") == {("care-team", CLINIC): (3, 0)}
    assert await after("choose-emergency-access", break_glass=False) == {("emergency", "bris_de_glace"): (3, 0)}
    opened = await after("choose-emergency-access", masked_documents=True)
    assert opened == {("emergency", "bris_de_glace"): (3, 4), ("emergency", "centre_15"): (3, 4)}
    assert await after("block-professional", holder_id=DOCTOR) == {("attending-doctor", DOCTOR): (4, 0)}


async def test_blocking_somebody_who_reads_as_staff_or_as_an_author_counts_what_they_may_see(
    api: RecordsApi, record: UUID, documents: list[UUID]
) -> None:
    async def blocked(doctor: str) -> tuple[int, int]:
        body = {"change": "block-professional", "holder_id": doctor}
        return changed(await ask(api, record, as_patient(record), changes=[body]))["professional", doctor]

    assert await blocked("899900000034") == (3, 0), "as staff of the clinic, whose team is attested"
    await api.choose(record, 2, authorised=[OTHER_DOCTOR])
    assert await blocked(DOCTOR) == (4, 0), "as the author of all of them; one the patient does not see"
    answer = await ask(
        api, record, as_patient(record), changes=[{"change": "block-professional", "holder_id": "899900000034"}]
    )
    assert changed(answer) == {}, "nobody who reads"


async def test_whose_authorisation_has_ended_is_no_reader(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    over = {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    ended = [{"holder_id": OTHER_DOCTOR, **over}, {"holder_id": CLINIC, "how": "care-team", **over}]
    await api.choose(record, 2, authorisations=ended)
    answer = await ask(api, record, as_patient(record), changes=[{"change": "hide-section", "section": "BIOLOGIE"}])
    assert {effect["who"] for effect in answer.json()["effects"]} == {"profession", "emergency"}
    block = {"change": "block-professional", "holder_id": OTHER_DOCTOR}
    answer = await ask(api, record, as_patient(record), changes=[block])
    assert changed(answer) == {}, "nor as staff of the clinic"


async def test_masking_a_document_and_no_longer(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    token = as_patient(record)
    masked = changed(await ask(api, record, token, documents=[{"document_id": str(documents[0]), "change": "mask"}]))
    assert masked["professional", OTHER_DOCTOR] == (3, 2)
    assert ("attending-doctor", DOCTOR) not in masked
    lifted = changed(await ask(api, record, token, documents=[{"document_id": str(documents[3]), "change": "unmask"}]))
    assert lifted["professional", OTHER_DOCTOR] == (3, 4)
    both = await ask(
        api,
        record,
        token,
        changes=[{"change": "block-professional", "holder_id": OTHER_DOCTOR}],
        documents=[{"document_id": str(documents[3]), "change": "unmask"}],
    )
    assert changed(both)["professional", OTHER_DOCTOR] == (3, 0)


async def test_what_was_foretold_comes_true(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    foretold = changed(
        await ask(api, record, as_patient(record), changes=[{"change": "hide-section", "section": "BIOLOGIE"}])
    )
    before = await api.search(as_doctor(OTHER_DOCTOR), patient=str(record), status="current")
    await api.choose(record, 2, authorised=[OTHER_DOCTOR], hidden_sections=["BIOLOGIE"])
    after = await api.search(as_doctor(OTHER_DOCTOR), patient=str(record), status="current")
    # One more each time: the one that the patient must not learn of.
    assert foretold["professional", OTHER_DOCTOR] == (before.json()["total"] - 1, after.json()["total"] - 1)


async def test_a_professional_is_counted_with_the_profession_that_the_directory_gives(
    api: RecordsApi, record: UUID, documents: list[UUID]
) -> None:
    body: dict[str, Any] = {"changes": [{"change": "block-professional", "holder_id": OTHER_DOCTOR}]}
    token = as_patient(record)

    async def of_other_doctor(language: str = "en") -> tuple[dict[str, Any], list[str]]:
        answer = (await ask(api, record, token, language, **body)).json()
        [effect] = [effect for effect in answer["effects"] if effect["id"] == OTHER_DOCTOR]
        return {name: effect[name] for name in ("before", "after", "profession", "assumed")}, answer["sentences"]

    tele = document_type("75496-0")
    assert tele is not None
    await api.publish(a_deposit(SOMEBODY, content=b"6", type=tele))
    counted, _ = await of_other_doctor()
    assert counted == {"before": 4, "after": 0, "profession": "G15_10", "assumed": False}
    await api.enter_professional(OTHER_DOCTOR, "G15_60", version=3)
    await api.enter_professional(OTHER_DOCTOR, "G15_10", version=2)
    counted, sentences = await of_other_doctor()
    assert counted == {"before": 3, "after": 0, "profession": "G15_60", "assumed": False}
    assert sentences == [f"The professional {OTHER_DOCTOR} (Infirmier) could no longer see any document."]
    seen = await api.search(professional_token(OTHER_DOCTOR, "60"), patient=str(record), status="current")
    assert seen.json()["total"] == counted["before"] + 1, "one more: the one that the patient must not learn of"
    await api.enter_professional(OTHER_DOCTOR, "G15_60", version=4, active=False)
    assert await of_other_doctor() == (
        {"before": 0, "after": 0, "profession": None, "assumed": False},
        ["Nothing changes for anybody."],
    )


async def test_a_professional_whom_the_directory_does_not_name_is_counted_as_a_doctor_and_that_is_said(
    api: RecordsApi, record: UUID, documents: list[UUID]
) -> None:
    await api.pool.execute("delete from professions")
    body: dict[str, Any] = {"changes": [{"change": "block-professional", "holder_id": OTHER_DOCTOR}]}
    english, french = [(await ask(api, record, as_patient(record), name, **body)).json() for name in ("en", "fr")]
    [effect] = [effect for effect in english["effects"] if effect["id"] == OTHER_DOCTOR]
    assert (effect["before"], effect["profession"], effect["assumed"]) == (3, "G15_10", True)
    assert [english["sentences"], french["sentences"]] == [
        [
            f"The professional {OTHER_DOCTOR} (profession not known here, counted as a doctor) could no longer see any "
            "document."
        ],
        [
            f"Le professionnel {OTHER_DOCTOR} (profession inconnue ici, compté comme médecin) ne verrait plus aucun "
            "document."
        ],
    ]


async def test_it_is_told_in_french(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    body: dict[str, Any] = {"changes": [{"change": "block-professional", "holder_id": OTHER_DOCTOR}]}
    answer = await ask(api, record, as_patient(record), "fr-FR", **body)
    assert answer.headers["content-language"] == "fr"
    assert answer.json()["sentences"] == [f"Le professionnel {OTHER_DOCTOR} (Médecin) ne verrait plus aucun document."]
    unchanged = await ask(api, record, as_patient(record), "fr", changes=[])
    assert unchanged.json()["sentences"] == ["Rien ne change pour personne."]


async def test_asking_changes_and_announces_nothing_but_is_an_entry(
    api: RecordsApi, record: UUID, documents: list[UUID]
) -> None:
    announced = "select count(*) from outbox"
    before = await api.pool.fetchval(announced)
    assert changed(await ask(api, record, as_patient(record), changes=[{"change": "object-to-care-team"}]))
    assert await api.pool.fetchval(announced) == before + 1
    entry = (await api.announced(AccessRecorded))[-1]
    assert (entry.action, entry.outcome, entry.actor.kind) == ("ask-what-if", "permitted", "patient")


async def test_who_may_ask(api: RecordsApi, record: UUID, documents: list[UUID]) -> None:
    for token in (acting("representative", REPRESENTATIVE, record), acting("carer", CARER, record)):
        assert (await ask(api, record, token, changes=[])).status_code == 200
        assert (await ask(api, uuid4(), token, changes=[])).status_code == 404
    assert (await ask(api, record, as_patient(uuid4()), changes=[])).status_code == 404
    assert (await ask(api, uuid4(), as_patient(record), changes=[])).status_code == 404
    for token in (as_doctor(OTHER_DOCTOR), as_software()):
        for record_id in (record, uuid4()):
            assert (await ask(api, record_id, token, changes=[])).status_code == 403


async def test_a_document_that_may_not_be_seen_is_not_there(
    api: RecordsApi, record: UUID, documents: list[UUID]
) -> None:
    token = as_patient(record)
    answers = [
        await ask(api, record, token, documents=[{"document_id": str(document_id), "change": "mask"}])
        for document_id in (documents[4], uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    "change",
    [
        {"change": "hide-section", "section": "NOWHERE"},
        {"change": "hide-section"},
        {"change": "block-professional"},
        {"change": "close-record"},
        {"change": "object-to-care-team", "more": 1},
    ],
)
async def test_a_question_that_cannot_be_is_refused(api: RecordsApi, record: UUID, change: dict[str, Any]) -> None:
    assert (await ask(api, record, as_patient(record), changes=[change])).status_code == 422
