"""Every alert has a runbook, every runbook an alert, and each has the same five parts."""

import re
from pathlib import Path

import pytest

from shared.runtime.logs import FIELDS, LEVELS
from tests.infra.deploy.alert_causes import CAUSES
from tests.infra.deploy.promql import METRICS, OF_PROMETHEUS, selectors
from tests.infra.deploy.runbooks import ALERTS, INDEX, PAGES, ROOT, all_rules, blocks

PARTS = ["What it means", "Whom it harms", "How to see the cause", "What to do", "How to see that it is over"]
LABELS_OF_LOGS = {"service", "process", "level", "event"}
ROW = re.compile(r"^\| `(Dmp\w+)` \| (\w+) \| \[([\w.-]+)\]\(\3\) \| (.+) \|$", re.MULTILINE)
RECORDED = {rule["record"] for rule in all_rules() if "record" in rule}


def test_every_page_is_the_runbook_of_an_alert() -> None:
    assert {ROOT / alert["annotations"]["runbook_url"] for alert in ALERTS} == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_five_parts_and_says_how_to_look(page: Path) -> None:
    assert re.findall(r"^## (.*)$", page.read_text("utf-8"), re.MULTILINE) == PARTS
    assert list(blocks(page, "sh")) or list(blocks(page, "promql"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_queries_of_a_page_name_what_there_is(page: Path) -> None:
    for query in blocks(page, "promql"):
        for metric, labels in selectors(query):
            assert metric in RECORDED or labels <= METRICS[metric] | OF_PROMETHEUS, query
    for query in blocks(page, "logql"):
        assert set(re.findall(r"(\w+)=", query)) <= LABELS_OF_LOGS <= FIELDS
        events = re.findall(r'event=~?"([^"]+)"', query)
        assert {event for alternatives in events for event in alternatives.split("|")} <= LEVELS.keys()


def test_the_index_lists_every_alert_with_its_severity_its_page_and_what_fires_it() -> None:
    fired_by = {
        alert["alert"]: {
            name for name, cause in CAUSES.items() if alert["alert"] in {f["alertname"] for f in cause.fires}
        }
        for alert in ALERTS
    }
    listed = {
        name: (severity, page, set(re.findall(r"`([\w-]+)`", causes)))
        for name, severity, page, causes in ROW.findall(INDEX.read_text("utf-8"))
    }
    assert listed == {
        alert["alert"]: (
            alert["labels"]["severity"],
            Path(alert["annotations"]["runbook_url"]).name,
            fired_by[alert["alert"]],
        )
        for alert in ALERTS
    }


def test_every_alert_that_calls_somebody_is_fired_by_a_cause() -> None:
    fired = {alert["alertname"] for cause in CAUSES.values() for alert in cause.fires}
    assert {alert["alert"] for alert in ALERTS if alert["labels"]["severity"] == "critical"} <= fired


def test_the_index_says_what_happens_in_each_cause() -> None:
    section = INDEX.read_text("utf-8").split("| cause | what happens |")[1]
    assert re.findall(r"^\| `([\w-]+)` \| .+ \|$", section, re.MULTILINE) == list(CAUSES)
