"""The INS is shared for a qualified identity only (RNIV): by no way does a record open for another one."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.online import ApplicantFacts, may_open_alone
from services.identity.people.domain.persons import IdentityNotQualifiedError, IdentityStatus, check_may_share_ins
from tests.infra.identity.accounts import KEYRINGS, RULES, IdentityApi, run_identity_api
from tests.infra.identity.campaigns import tell_all
from tests.infra.identity.identity_api import administrator, query, settings_of
from tests.infra.identity.openings import (
    RULES_NOW,
    ask_alone,
    assisting,
    campaigner,
    enter,
    ins_body,
    insured,
    pharmacist,
)
from tests.infra.platform.databases import Database

OTHERS = ("provisional", "retrieved", "validated")
TRAITS = {"birth_name": "INVENTEE", "given_name": "ZOE", "birth_date": "1955-06-12", "sex": "female"}


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[IdentityApi]:
    settings = settings_of(database, accounts={"refusal_s": 0}, openings={"window_days": 0})
    async with run_identity_api(database, settings=settings) as api:
        yield api


def stated(number: int, status: str | None) -> dict[str, Any]:
    status_field = {} if status is None else {"identity_status": status}
    return {"ins": ins_body(number), "traits": TRAITS, "contact": {"language": "fr"}, **status_field}


async def nothing_opened(api: IdentityApi) -> bool:
    return await query(api.database, "select id from records") == [] and await api.events() == []


@pytest.mark.parametrize("status", IdentityStatus)
def test_only_a_qualified_identity_shares_its_ins(status: IdentityStatus) -> None:
    facts = ApplicantFacts("01", date(1955, 6, 12), True, "none", status)
    assert may_open_alone(facts, date(2026, 11, 24)) == (status is IdentityStatus.QUALIFIED)
    if status is IdentityStatus.QUALIFIED:
        check_may_share_ins(status)
    else:
        with pytest.raises(IdentityNotQualifiedError):
            check_may_share_ins(status)


@pytest.mark.parametrize("status", OTHERS)
async def test_software_that_states_another_status_opens_nothing(api: IdentityApi, status: str) -> None:
    answer = await api.client.post("/records", json=stated(1, status), headers=administrator())
    assert (answer.status_code, answer.json()["code"]) == (409, "identity-not-qualified")
    assert await nothing_opened(api)


@pytest.mark.parametrize("status", ["qualified", None])
async def test_a_stated_qualified_identity_opens(api: IdentityApi, status: str | None) -> None:
    answer = await api.client.post("/records", json=stated(1, status), headers=administrator())
    assert answer.status_code == 202, answer.text


async def test_an_unknown_status_is_refused(api: IdentityApi) -> None:
    answer = await api.client.post("/records", json=stated(1, "sure"), headers=administrator())
    assert (answer.status_code, answer.json()["code"]) == (422, "identity-status-unknown")


@pytest.mark.parametrize("status", OTHERS)
async def test_with_help_and_alone_it_is_the_register_that_says(api: IdentityApi, status: str) -> None:
    await enter(api.pool, [insured(1, status=status)])
    answer = await api.client.post("/openings/assisted", json=assisting(1), headers=pharmacist())
    assert (answer.status_code, answer.json()["code"]) == (409, "identity-not-qualified")
    await ask_alone(api, 1)
    assert await api.messages("opening-code") == []
    assert await nothing_opened(api)


async def test_who_is_no_longer_qualified_when_a_campaign_opens_is_passed_over(api: IdentityApi) -> None:
    await enter(api.pool, [insured(1), insured(2), insured(3, status="validated")])
    answer = await api.client.post("/campaigns", json={"rate": 50_000}, headers=campaigner())
    campaign_id = UUID(answer.json()["campaign_id"])
    await tell_all(api.pool, campaign_id)
    await enter(api.pool, [insured(2, status="provisional")])
    while await open_noticed(Storage(api.pool, KEYRINGS), RULES.lookups, RULES_NOW, campaign_id):
        pass
    shown = await api.client.get(f"/campaigns/{campaign_id}", headers=campaigner())
    assert shown.json()["counts"] == {"selected": 2, "noticed": 2, "opened": 1, "not-qualified-since": 1}
    assert len(await query(api.database, "select id from records")) == 1
