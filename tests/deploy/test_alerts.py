"""The alert rules watch metrics that the code has, say what to do, and fire when they should."""

import importlib
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

import services
import shared
from deploy.local.platform.services import roles_of
from shared.contracts.declarations import SERVICES

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "alerts"
FILES = sorted(ALERTS.glob("*.yaml"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
OF_PROMETHEUS: Final = {"job", "instance", "le"}
"""Labels that Prometheus itself adds; `le` is a histogram's."""
FUNCTIONS: Final = {
    *("absent", "and", "by", "count", "histogram_quantile", "min_over_time", "offset", "on", "or", "rate", "sum"),
}
SUFFIXES: Final[dict[type[MetricWrapperBase], tuple[str, ...]]] = {
    Counter: ("_total",),
    Gauge: ("",),
    Histogram: ("_bucket", "_count", "_sum"),
}


def rules() -> list[dict[str, Any]]:
    return [
        rule for path in FILES for group in yaml.safe_load(path.read_text("utf-8"))["groups"] for rule in group["rules"]
    ]


RULES = rules()


def metrics() -> dict[str, set[str]]:
    """The names of all samples, with their labels."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
    names: dict[str, set[str]] = {"up": set()}
    for collector in {*REGISTRY._names_to_collectors.values()}:
        for kind, suffixes in SUFFIXES.items():
            if isinstance(collector, kind):
                labels = set(collector._labelnames)
                names |= {collector._name + suffix: labels for suffix in suffixes}
    return names


METRICS = metrics()


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yields each metric that an expression names, with the labels by which it is selected."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\bby \([^)]*\)", "", bare)
    for name, labels in re.findall(r"\b([a-z][a-z_]+)\b(?:\s*\{([^}]*)\})?", re.sub(r"\[\w+\]|\boffset \w+", "", bare)):
        if name not in FUNCTIONS and not re.search(rf"[{{,]\s*{name}\s*(=|!)", bare):
            yield name, set(re.findall(r"(\w+)\s*[=!]", labels))


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
