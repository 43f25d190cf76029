"""Every query of a dashboard has an answer from a Prometheus that watches the running installation."""

from contextlib import suppress
from pathlib import Path

import pytest

from deploy.dashboards.boards import boards
from deploy.local.demo.client import Dmp
from deploy.local.platform.stack import Stack
from tests.e2e.acting import set_scene
from tests.infra.deploy.prometheus import PROMETHEUS, prometheus
from tests.infra.platform.waiting import eventually


@pytest.mark.long
@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is absent; Debian's package prometheus has it")
async def test_every_query_returns_series_of_the_running_installation(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    queries = sorted({query.expression for board in boards() for query in board.queries()})
    async with prometheus(stack, tmp_path) as watching:

        async def empty() -> list[str]:
            return [query for query in queries if not await watching.query(query.replace("$__rate_interval", "1m"))]

        async def look() -> bool:
            return not await empty()

        with suppress(AssertionError):
            await eventually(look, seconds=60)
        assert await empty() == []
