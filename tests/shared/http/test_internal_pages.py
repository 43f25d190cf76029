"""Internal pages are not on the callers' port, or need an operator's token."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.consent.app import make_worker as consent_worker
from services.consent.settings import Settings
from shared.http.door import Door, needs_token
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.http.apis import NAMES, Api, all_apis, routes_of
from tests.infra.http.tokens import SETTINGS
from tests.infra.platform.databases import Databases

OF_HEALTH = {"/livez", "/readyz", "/metrics"}
"""Pages on a worker's port, which only operations can reach."""


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    async with all_apis(databases) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/docs", "/redoc", "/dead-letters", "/recovery", "/offsets"])
async def test_callers_find_no_page_of_operations(apis: dict[str, Api], name: str, path: str) -> None:
    assert (await apis[name].client.get(path)).status_code == 404


def test_a_worker_tells_nothing_but_its_health_without_a_token() -> None:
    app = consent_worker(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": "postgresql://nobody@127.0.0.1:1/none"}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
        )
    )
    open_to_all = set()
    for route in routes_of(app):
        assert isinstance(route, Door), route.path
        if not needs_token(route):
            open_to_all.add(route.path)
    assert open_to_all == OF_HEALTH
    assert app.openapi_url is app.docs_url is app.redoc_url is None
