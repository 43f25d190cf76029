"""The patient side searches the directory by name, place and profession, on consent's own copy of it."""

from typing import Any
from uuid import uuid4

import pytest

from services.consent.consumers import subscriptions
from services.consent.directory.domain import MAX_SEARCHES, PAGE_SIZE, search_words
from services.consent.directory.steps import copy_searchable_names
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import transaction
from tests.infra.consent.consent_api import ConsentApi, Record, representative
from tests.infra.http.tokens import bearer, make_token, operator_token, patient_token, professional_token
from tests.infra.messaging.messages import message

TILLEULS, HOSPITAL = "1750000001", "1750000002"


def professional(number: int, name: str, **more: Any) -> ProfessionalChanged:
    fields = {"professional_id": f"8997{number:08}", "version": 1, "name": name, "profession": "G15_10", **more}
    return ProfessionalChanged.model_validate(fields)


def structure(id: str, name: str, version: int = 1) -> StructureChanged:
    return StructureChanged(structure_id=id, version=version, name=name)


async def announce_entries(api: ConsentApi, *entries: ProfessionalChanged | StructureChanged) -> None:
    async with transaction(api.pool) as connection:
        await copy_searchable_names(connection, [message(entry) for entry in entries])


async def search(api: ConsentApi, token: str | None = None, **params: str) -> dict[str, Any]:
    answer = await api.client.get("/directory", params=params, headers=bearer(token or patient_token(uuid4())))
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


@pytest.fixture
async def directory(api: ConsentApi) -> ConsentApi:
    await announce_entries(
        api,
        structure(TILLEULS, "Maison de santé des Tilleuls, Évreux"),
        structure(HOSPITAL, "Hôpital de l’Étoile"),
        professional(1, "Dr Inès Marbeuf", structure_ids=(TILLEULS,)),
        professional(2, "Élodie MARBEUF-Lœvy", profession="G15_60", structure_ids=(HOSPITAL, TILLEULS)),
        professional(3, "Dr Ancien Marbeuf", status="inactive"),
    )
    return api


async def test_names_match_by_the_beginning_of_each_word_whatever_the_case_and_the_accents(
    directory: ConsentApi,
) -> None:
    for name in ("marbeuf", "MARB", "  mÂrbeuf "):
        results = (await search(directory, name=name))["results"]
        assert [result["name"] for result in results] == ["Dr Inès Marbeuf", "Élodie MARBEUF-Lœvy"]
    [doctor] = (await search(directory, name="inès DR"))["results"]
    assert doctor["profession"] == "G15_10"
    assert doctor["structures"] == ["Maison de santé des Tilleuls, Évreux"]
    [nurse] = (await search(directory, name="loevy"))["results"]
    assert nurse["structures"] == ["Hôpital de l’Étoile", "Maison de santé des Tilleuls, Évreux"]


async def test_a_search_is_narrowed_by_place_and_by_profession(directory: ConsentApi) -> None:
    at_evreux = (await search(directory, place="evreux"))["results"]
    assert [result["name"] for result in at_evreux] == [
        "Dr Inès Marbeuf",
        "Maison de santé des Tilleuls, Évreux",
        "Élodie MARBEUF-Lœvy",
    ]
    [nurse] = (await search(directory, name="marbeuf", place="evreux", profession="G15_60"))["results"]
    assert nurse["name"] == "Élodie MARBEUF-Lœvy"
    assert (await search(directory, name="marbeuf", place="etoile", profession="G15_10"))["results"] == []


async def test_a_changed_name_is_found_by_its_new_words_and_an_older_version_changes_nothing(
    directory: ConsentApi,
) -> None:
    await announce_entries(directory, structure(TILLEULS, "Centre du Lavoir", 3))
    await announce_entries(directory, structure(TILLEULS, "Autre nom", 2))
    assert [result["id"] for result in (await search(directory, name="lavoir"))["results"]] == [TILLEULS]
    assert (await search(directory, name="tilleuls"))["results"] == []
    assert (await search(directory, name="autre"))["results"] == []


async def test_the_pages_of_a_search_hold_every_entry_once(api: ConsentApi) -> None:
    names = [f"Dr Dupont {number % 7}" for number in range(2 * PAGE_SIZE + 1)]
    await announce_entries(api, *(professional(number, name) for number, name in enumerate(names)))
    ids: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await search(api, name="dupont", **after)
        ids += [result["id"] for result in page["results"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(ids) == len(set(ids)) == len(names)


async def test_others_than_the_patient_side_do_not_search_here(api: ConsentApi, record: Record) -> None:
    for token in (professional_token("899700000001"), operator_token(), make_token("application", "application-1")):
        answer = await api.client.get("/directory", params={"name": "marbeuf"}, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await search(api, representative(record.id, uuid4()), name="marbeuf"))["results"] == []


async def test_a_search_needs_a_word(api: ConsentApi, record: Record) -> None:
    for params in ({}, {"name": " - "}, {"name": "x", "place": "'"}):
        answer = await api.client.get("/directory", params=params, headers=bearer(record.holder))
        assert (answer.status_code, answer.json()["code"]) == (422, "search-words-missing")


async def test_one_person_searches_so_often_in_an_hour_and_holds_up_nobody_else(
    directory: ConsentApi, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_SEARCHES):
        await search(directory, record.holder, name="marbeuf")
    answer = await directory.client.get("/directory", params={"name": "marbeuf"}, headers=bearer(record.holder))
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-searches")
    assert int(answer.headers["retry-after"]) > 0
    assert (await search(directory, name="marbeuf"))["results"]
    await directory.pool.execute("update directory_searches set since = since - interval '61 minutes'")
    assert (await search(directory, record.holder, name="marbeuf"))["results"]


def test_the_topic_of_the_directory_feeds_the_search() -> None:
    [subscription] = [each for each in subscriptions() if each.group.name == "consent.professional-copies"]
    assert subscription.handle is copy_searchable_names
    assert search_words("L’Hôpital Œuvre-2") == ("l", "hopital", "oeuvre", "2")
