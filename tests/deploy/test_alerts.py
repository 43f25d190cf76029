"""The alert rules watch metrics that the code has, say what to do, and fire when they should."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from deploy.alerts.objectives import OBJECTIVES, TARGET, Objective
from deploy.local.platform.services import roles_of
from shared.contracts.declarations import SERVICES
from shared.runtime.metrics import IN_FORCE_SECONDS, STEP_SECONDS
from tests.infra.deploy.promql import METRICS, OF_PROMETHEUS, selectors
from tests.infra.deploy.runbooks import ALERTS, FILES, PAGES, ROOT, all_rules

TESTS = sorted((FILES[0].parent / "tests").glob("*.yaml"))
RECORDED = {rule["record"] for rule in all_rules() if "record" in rule}
OF_OBJECTIVES = {"slo", "job", "topic", "group", "step"}
"""The labels of what the objectives record."""


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_each_metric_and_label_of_a_rule_is_in_the_code(rule: dict[str, Any]) -> None:
    used = list(selectors(rule["expr"]))
    assert used or rule.get("record") == TARGET
    known: set[str] = set(OF_PROMETHEUS)
    for name, labels in used:
        own = OF_OBJECTIVES if name in RECORDED else METRICS[name]
        assert labels <= own | OF_PROMETHEUS
        known |= own
    for grouping in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
        assert {label.strip() for label in grouping.split(",")} <= known
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule.get("annotations"))))
    assert shown <= known


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_what_it_means_and_which_runbook_helps(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page in PAGES
    assert f"`{rule['alert']}`" in page.read_text("utf-8").split("\n## Whom")[0]


def test_every_process_is_missed_when_it_is_not_watched() -> None:
    [absent] = [rule for rule in ALERTS if rule["alert"] == "DmpTargetAbsent"]
    wanted = {f"dmp-{service}-{process}" for service in SERVICES for process in roles_of(service)}
    assert set(re.findall(r'absent\(up\{job="([a-z-]+)"\}\)', absent["expr"])) == wanted


def test_each_alert_is_tried_where_it_fires_and_where_it_does_not() -> None:
    fires: set[str] = set()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            fires |= {check["alertname"] for check in test["alert_rule_test"] if check["exp_alerts"]}
    assert fires == {rule["alert"] for rule in ALERTS}


def test_each_objective_is_tried_where_its_budget_burns_fast() -> None:
    burning = {
        alert["exp_labels"]["slo"]
        for path in TESTS
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for check in test["alert_rule_test"]
        if check["alertname"] == "DmpErrorBudgetBurnsFast"
        for alert in check["exp_alerts"]
    }
    assert burning == {objective.name for objective in OBJECTIVES}


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_an_objective_is_judged_at_a_bound_of_its_histogram(objective: Objective) -> None:
    for histogram, limit in re.findall(r"(\w+)_bucket\{le=~\"(\d+)\|", objective.bad):
        [metric] = [each for each in (STEP_SECONDS, IN_FORCE_SECONDS) if each._name == histogram]
        assert float(limit) in metric._upper_bounds


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is absent; Debian's package prometheus has it")
@pytest.mark.parametrize("command", [("check", "rules"), ("test", "rules")])
def test_promtool_accepts_the_rules_and_their_tests(command: tuple[str, str]) -> None:
    assert PROMTOOL is not None
    files = FILES if command[0] == "check" else TESTS
    done = subprocess.run([PROMTOOL, *command, *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
