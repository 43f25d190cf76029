"""The figures of the programme: published once a week, open to everybody, telling of nobody."""

import asyncio
from datetime import date, datetime, timedelta, timezone

from services.identity.figures.domain import LifeEvent
from services.identity.figures.store import count_life_event, count_life_events
from services.identity.figures.usecases.publish_figures import publish_figures
from shared.db.pool import transaction
from tests.infra.identity.accounts import IdentityApi
from tests.infra.identity.identity_api import query

MONDAY = datetime(2026, 11, 2, 9, tzinfo=timezone(timedelta(hours=1)))
AFTER = MONDAY + timedelta(days=8)


async def happen(api: IdentityApi, kind: LifeEvent, number: int, *, at: datetime = MONDAY, region: str = "84") -> None:
    channel = "letter" if kind in ("objection", "closure") else "online"
    async with transaction(api.pool) as connection:
        for _ in range(min(number, 3)):
            await count_life_event(connection, kind, channel, region, at)
        await count_life_events(connection, kind, {(channel, region): number - 3} if number > 3 else {}, at)


async def figures(api: IdentityApi, **total: str) -> dict[str, str]:
    answer = await api.client.get("/figures?from=2026-11-01&to=2026-11-30")
    assert answer.status_code == 200, answer.text
    wanted = {"region": "all", "channel": "all", **total}
    matching = [item for item in answer.json()["figures"] if all(item[name] == value for name, value in wanted.items())]
    return {f"{figure['week']} {figure['kind']}": figure["figure"] for figure in matching}


async def test_a_week_is_published_rounded_when_it_is_over(api: IdentityApi) -> None:
    await happen(api, "opening", 44)
    await happen(api, "opening", 4, region="11")
    await happen(api, "objection", 3)
    await happen(api, "activation", 17)
    assert not await publish_figures(api.pool, MONDAY + timedelta(days=6, hours=20))
    assert await figures(api) == {}
    assert await publish_figures(api.pool, AFTER)
    assert await figures(api) == {
        "2026-11-02 opening": "50",
        "2026-11-02 objection": "< 11",
        "2026-11-02 closure": "< 11",
        "2026-11-02 activation": "20",
        "2026-11-02 opening-to-date": "50",
        "2026-11-02 objection-to-date": "< 11",
        "2026-11-02 closure-to-date": "< 11",
        "2026-11-02 activation-to-date": "20",
        "2026-11-02 activation-rate": "40 %",
    }
    assert (await figures(api, region="84"))["2026-11-02 opening"] == "40"
    assert (await figures(api, region="11"))["2026-11-02 opening"] == "< 11"


async def test_what_was_published_is_never_computed_again(api: IdentityApi) -> None:
    await happen(api, "opening", 20)
    assert await publish_figures(api.pool, AFTER)
    first_figures = await figures(api)
    await happen(api, "opening", 500)
    assert not await publish_figures(api.pool, AFTER)
    assert await figures(api) == first_figures


async def test_many_publishers_at_once_publish_a_week_once(api: IdentityApi) -> None:
    await happen(api, "opening", 20)
    outcomes = await asyncio.gather(*(publish_figures(api.pool, AFTER) for _ in range(4)))
    assert sorted(outcomes) == [False, False, False, True]


async def test_the_facts_behind_a_published_week_name_nobody_and_have_no_order(api: IdentityApi) -> None:
    await happen(api, "opening", 20)
    await happen(api, "closure", 2)
    await publish_figures(api.pool, AFTER)
    rows = await query(api.database, "select * from life_events order by kind")
    assert [(row["week"], row["kind"], row["number"]) for row in rows] == [
        (date(2026, 11, 2), "closure", 2),
        (date(2026, 11, 2), "opening", 20),
    ]
    assert set(rows[0].keys()) == {"id", "week", "kind", "region", "channel", "number"}


async def test_the_figures_are_open_to_everybody_within_a_span(api: IdentityApi) -> None:
    response = await api.client.get("/figures?from=2026-11-30&to=2026-11-01", headers={"accept-language": "fr"})
    assert (response.status_code, response.json()["code"]) == (422, "span-invalid")
    assert response.json()["detail"].startswith("Indiquez")
    assert (await api.client.get("/figures?from=2020-01-01&to=2026-11-01")).status_code == 422
    assert (await api.client.get("/figures")).status_code == 422
