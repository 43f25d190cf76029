"""Occupational medicine: a national parameter, from the sign-in at identity to the rules of records and consent."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from deploy.local.platform.psc import Person as Professional
from shared.runtime import clock
from shared.runtime.settings import ParameterSettings
from tests.conftest import NewDatabase
from tests.infra.consent.consent_api import consent_api
from tests.infra.http.tokens import make_token
from tests.infra.identity.identity_api import administrator, running
from tests.infra.identity.professionals import (
    DOCTOR,
    HOSPITAL,
    OCCUPATIONAL,
    REGULATOR,
    SAMU,
    URGENT,
    caller_of,
    chosen,
    doors,
    enter_all,
    providing,
    sign_in,
)
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.records.records_api import RecordsApi, a_deposit, codes, run_records_api

NEVER, ALLOWED = ParameterSettings(), ParameterSettings(occupational_medicine="allowed")
SOMEBODY = Person(61)


async def enter_sector(client: httpx2.AsyncClient, sector: str | None) -> httpx2.Response:
    body = {"name": "Service de santé au travail", "sector": sector}
    return await client.put(f"/structures/{SAMU}", json=body, headers=administrator())


async def tokens_of(database: Database, parameters: ParameterSettings, *people: Professional) -> list[httpx2.Response]:
    """Returns the answers to the sign-ins of these people under this parameter."""
    async with providing() as provider:
        settings = doors(database, provider).model_copy(update={"parameters": parameters})
        async with running(settings) as client:
            return [await sign_in(client, person) for person in people]


async def test_a_sign_in_says_that_it_is_occupational_medicine_or_is_refused(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    async with running(doors(database).model_copy(update={"parameters": ALLOWED})) as client:
        await enter_all(client)
        assert (await enter_sector(client, "SA23")).json()["code"] == "organisation-never"
        assert (await enter_sector(client, "SA13")).status_code == 200
        assert (await enter_sector(client, None)).status_code == 200
    people = (OCCUPATIONAL, REGULATOR, DOCTOR)
    callers = [await caller_of(answer) for answer in await tokens_of(database, ALLOWED, *people)]
    assert [caller.never for caller in callers] == ["occupational-medicine", "occupational-medicine", None]
    *refused, admitted = await tokens_of(database, NEVER, *people)
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(403, "occupational-medicine-never")}
    assert (await caller_of(admitted)).organisation_id == HOSPITAL


async def test_no_emergency_is_for_occupational_medicine(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    async with providing() as provider:
        settings = doors(database, provider).model_copy(update={"parameters": ALLOWED})
        async with running(settings) as client:
            await enter_all(client)
            begun = await client.post("/professionals/sign-in", json=URGENT)
            back = await chosen(begun.json()["authorization_url"], OCCUPATIONAL)
            direct = {"kind": "professional", "professional_id": OCCUPATIONAL.id, **URGENT}
            answers = [
                await client.get("/professionals/callback", params=back),
                await client.post("/demo/sign-in", json=direct),
            ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "mode-not-fitting")] * 2


@pytest.fixture
async def doctor(new_database: NewDatabase) -> str:
    """Returns the token that identity issues to a doctor of occupational medicine when the parameter allows it."""
    database = await new_database("identity")
    async with running(doors(database)) as client:
        await enter_all(client)
    [answer] = await tokens_of(database, ALLOWED, OCCUPATIONAL)
    return str(answer.json()["access_token"])


async def record_of(records_api: RecordsApi, **chosen: Any) -> tuple[UUID, UUID]:
    await records_api.be_empty()
    await records_api.be_fresh()
    record = await records_api.open_record(SOMEBODY)
    await records_api.choose(record, 1, **chosen)
    [document] = await records_api.publish(a_deposit(SOMEBODY))
    return record, document


async def read(records_api: RecordsApi, document: UUID, token: str) -> tuple[int, list[str]]:
    answer = await records_api.get(f"/fhir/Binary/{document}", token)
    return answer.status_code, [] if answer.status_code == 200 else codes(answer)


TEAM = {"holder_id": HOSPITAL, "from": clock.now(), "how": "care-team"}


async def test_records_shows_it_only_what_the_person_authorised_and_only_where_the_parameter_allows(
    new_database: NewDatabase, doctor: str
) -> None:
    database = await new_database("records")
    express = {"authorised": [OCCUPATIONAL.id]}
    around = {"attending_doctors": [OCCUPATIONAL.id], "authorisations": [TEAM]}
    breaking: dict[str, Any] = {
        "mode": "bris_de_glace",
        "motive": "sealed",
        "never": "occupational-medicine",
        "profession": "G15_10",
    }
    broken = make_token("professional", OCCUPATIONAL.id, **breaking)
    insured = make_token("professional", OCCUPATIONAL.id, profession="G15_10", never="insurer")
    nurse = make_token("professional", OCCUPATIONAL.id, profession="G15_60", never="occupational-medicine")
    async with run_records_api(database, parameters=ALLOWED) as records_api:
        _, document = await record_of(records_api, **around)
        assert await read(records_api, document, doctor) == (404, ["not-found"])
        _, document = await record_of(records_api, **express)
        assert await read(records_api, document, doctor) == (200, [])
        for token in (broken, insured, nurse):
            assert await read(records_api, document, token) == (403, ["forbidden"])
    async with run_records_api(database) as records_api:
        for chosen in (express, around):
            _, document = await record_of(records_api, **chosen)
            for token in (doctor, broken, insured):
                assert await read(records_api, document, token) == (403, ["forbidden"])


@pytest.mark.parametrize(("parameters", "status"), [(NEVER, 403), (ALLOWED, 202)])
async def test_consent_lets_it_add_its_own_authorisation_with_the_card_present_where_the_parameter_allows(
    new_database: NewDatabase, parameters: ParameterSettings, status: int
) -> None:
    async with consent_api(await new_database("consent"), parameters=parameters) as api:
        record = await api.open_record()
        claims: dict[str, Any] = {
            "never": "occupational-medicine",
            "profession": "G15_10",
            "patient_present": record.id,
        }
        token = make_token("professional", OCCUPATIONAL.id, **claims)
        answer = await record.ask("PUT", f"authorisations/{OCCUPATIONAL.id}", None, token=token)
        assert answer.status_code == status, answer.text
        [entry] = await record.entries()
        assert entry.facts is not None
        assert entry.facts["never"] == "occupational-medicine"
