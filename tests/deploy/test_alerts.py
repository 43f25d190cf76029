"""The alert rules watch metrics that the code has, say what to do, and fire when they should."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.platform.services import roles_of
from shared.contracts.declarations import SERVICES
from tests.infra.deploy.promql import METRICS, OF_PROMETHEUS, selectors

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "alerts"
FILES = sorted(ALERTS.glob("*.yaml"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")


def rules() -> list[dict[str, Any]]:
    return [
        rule for path in FILES for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]


RULES = rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_metric_and_label_of_a_rule_is_in_the_code(rule: dict[str, Any]) -> None:
    used = list(selectors(rule["expr"]))
    assert used
    known: set[str] = set(OF_PROMETHEUS)
    for name, labels in used:
        assert name in METRICS
        assert labels <= METRICS[name] | OF_PROMETHEUS
        known |= METRICS[name]
    for grouping in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
        assert {label.strip() for label in grouping.split(",")} <= known
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_rule_says_how_bad_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^##+ (.+)$", OPERATIONS, re.MULTILINE)}
    assert anchor in headings
    section = re.split(r"^##+ ", OPERATIONS, flags=re.MULTILINE)
    [own] = [text for text in section if text.splitlines()[0].lower().replace(" ", "-") == anchor]
    assert f"| `{rule['alert']}` |" in own


def test_the_page_tells_no_alert_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| `(Dmp\w+)` \|", OPERATIONS, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_every_process_is_missed_when_it_is_not_watched() -> None:
    [absent] = [rule for rule in RULES if rule["alert"] == "DmpTargetAbsent"]
    wanted = {f"dmp-{service}-{process}" for service in SERVICES for process in roles_of(service)}
    assert set(re.findall(r'absent\(up\{job="([a-z-]+)"\}\)', absent["expr"])) == wanted


def test_each_alert_is_tried_where_it_fires_and_where_it_does_not() -> None:
    fires: set[str] = set()
    for path in sorted((ALERTS / "tests").glob("*.yaml")):
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            fires |= {check["alertname"] for check in test["alert_rule_test"] if check["exp_alerts"]}
    assert fires == {rule["alert"] for rule in RULES}


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is absent; Debian's package prometheus has it")
@pytest.mark.parametrize("command", [("check", "rules"), ("test", "rules")])
def test_promtool_accepts_the_rules_and_their_tests(command: tuple[str, str]) -> None:
    assert PROMTOOL is not None
    files = FILES if command[0] == "check" else sorted((ALERTS / "tests").glob("*.yaml"))
    done = subprocess.run([PROMTOOL, *command, *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
