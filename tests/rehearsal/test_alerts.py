"""Each alert that calls somebody is fired once by its real cause, and is over once the cause is mended.

A real Prometheus watches the local installation and evaluates `deploy/alerts` with durations divided by 60 (see
`shortened_rules`): the budgets of 30 days are those of twelve hours. Thresholds stay: a copy is too old after 120 s.
"""

import time
from collections.abc import AsyncIterator, Iterable, Mapping

import pytest
import pytest_asyncio

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import connect
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.infra.deploy.alert_causes import CAUSES
from tests.infra.deploy.prometheus import PROMETHEUS, prometheus, shortened_rules
from tests.infra.deploy.watched_faults import ENVIRONMENT, FAKETIME, Installation
from tests.infra.platform.waiting import eventually

SHORTER = 60
FIRES_WITHIN_S, OVER_WITHIN_S = 240.0, 240.0


@pytest_asyncio.fixture(scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """A running installation, watched by a Prometheus with the shortened rules."""
    assert PROMETHEUS, "Debian's package prometheus is needed"
    assert FAKETIME.exists(), "Debian's package libfaketime is needed"  # once, before the tests
    folder = tmp_path_factory.mktemp("alerts")
    rules = folder / "rules"
    rules.mkdir()
    async with Stack(folder / "var", environment=ENVIRONMENT) as stack:
        await bootstrap(stack.layout)
        async with (
            connect(endpoints.read(stack.layout)) as dmp,
            prometheus(stack, folder, shortened_rules(rules, SHORTER)) as watching,
        ):
            yield Installation(stack, dmp, watching, folder)


@pytest.mark.parametrize("name", CAUSES)
async def test_the_alert_fires_by_its_cause_and_is_over_when_that_is_mended(
    installation: Installation, name: str
) -> None:
    cause, expected = CAUSES[name], CAUSES[name].fires
    await eventually(lambda: _none_fires(installation, expected), seconds=OVER_WITHIN_S)
    missing = list(expected)

    async def all_have_fired() -> bool:
        firing = await installation.watching.firing()
        missing[:] = [alert for alert in missing if not _is_in(alert, firing)]
        return not missing

    began = time.monotonic()
    async with cause.make(installation):
        try:
            await eventually(all_have_fired, seconds=FIRES_WITHIN_S)
        except AssertionError:
            pytest.fail(f"these did not fire: {missing}; these do: {await installation.watching.firing()}")
        fired = time.monotonic()
        print(f"{name}: all fire after {fired - began:.0f} s")
    assert await eventually(lambda: _none_fires(installation, expected), seconds=OVER_WITHIN_S)
    print(f"{name}: over {time.monotonic() - fired:.0f} s later")


async def _none_fires(installation: Installation, expected: Iterable[Mapping[str, str]]) -> bool:
    firing = await installation.watching.firing()
    return not any(_is_in(alert, firing) for alert in expected)


def _is_in(alert: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> bool:
    return any(alert.items() <= labels.items() for labels in firing)
