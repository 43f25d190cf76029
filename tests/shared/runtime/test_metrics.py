"""Counters stand at zero from the start for every known value of their labels, and each process tells its version."""

import ast
import importlib
import platform
import re
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import REGISTRY, generate_latest

from deploy.generate import openapi
from services.notify.alerts.usecases.send_alerts import start_metrics as start_alert_metrics
from services.notify.kit.kinds import ALERT_CHANNELS, AlertKind, Channel
from services.notify.messages.usecases.settle_messages import start_metrics as start_message_metrics
from shared.access.decide import ACTIONS, reasons_of
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import TOPICS
from shared.messaging import envelope
from shared.messaging.envelope import INVALID_CODES, SKIPPED_CODES
from shared.runtime.metrics import start_refusals
from shared.service.initial_metrics import start_worker_metrics
from tests.infra.messaging.subscriptions import subscriptions_of

ROOT = Path(__file__).parents[3]
COUNTED = ("logged_refusals", "counted_refusals", "check_rate_limit", "count_attempt", "raise_if_refused")


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_shows_its_groups_and_topics_at_zero_before_anything_happens(service: str) -> None:
    subscriptions = subscriptions_of(service)
    start_worker_metrics(service, subscriptions)
    for group in (subscription.group for subscription in subscriptions):
        assert value("dead_letters_total", group=group.name, code="handler-failed") is not None
        for code in INVALID_CODES:
            assert value("dead_letters_total", group=group.name, code=code) is not None
        for code in SKIPPED_CODES:
            assert value("skipped_messages_total", group=group.name, code=code) is not None
        for name in ("consumed_messages_total", "messages_parked_total", "dropped_messages_total", "consumer_stopped"):
            assert value(name, group=group.name) is not None
        for topic in group.topics:
            assert value("consumer_offsets_lost", group=group.name, topic=topic.name) is not None
    for topic in (topic for topic in TOPICS if topic.writer == service):
        assert value("outbox_held_partitions", topic=topic.name) is not None
        assert any(
            sample.labels.get("topic") == topic.name
            for metric in REGISTRY.collect()
            for sample in metric.samples
            if sample.name == "outbox_refused_total"
        )


def test_the_codes_of_records_that_cannot_be_used_are_those_of_the_code() -> None:
    source = Path(envelope.__file__).read_text("utf-8")
    assert set(re.findall(r'InvalidRecord\(record, topic, "([a-z-]+)"\)', source)) == set(INVALID_CODES)
    assert set(re.findall(r'Skipped\("([a-z-]+)"\)', source)) == set(SKIPPED_CODES)


def test_notify_shows_every_kind_channel_and_outcome_of_its_messages() -> None:
    start_alert_metrics()
    start_message_metrics()
    for kind, channel, outcome in product(get_args(AlertKind), ALERT_CHANNELS, ("sent", "failed", "deferred")):
        assert value("notify_deliveries_total", kind=kind, channel=channel, outcome=outcome) is not None
    for message_channel, outcome in product(get_args(Channel), ("sent", "failed", "expired")):
        assert value("notify_messages_total", channel=message_channel, outcome=outcome) is not None


@pytest.mark.parametrize("service", SERVICES)
def test_an_api_shows_the_refusals_of_each_action_that_it_counts(service: str) -> None:
    openapi(service)  # builds the app
    refusals = importlib.import_module(f"services.{service}.app").REFUSALS
    named = {"deposit-document"} if service == "consent" else set()  # its worker counts it
    assert set(counted_actions(service)) - named <= refusals.keys()
    for action, reasons in refusals.items():
        assert reasons
        for reason in reasons:
            assert value("refusals_total", action=action, reason=reason) is not None


def counted_actions(service: str) -> Iterator[str]:
    """Yields the actions that the service's code counts refusals of, where it names them."""
    for path in sorted((ROOT / "services" / service).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "REFUSED.labels" and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
            elif called.rpartition(".")[2] in COUNTED:
                texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                yield from (text for text in texts if isinstance(text, str) and "-" in text)


def test_the_reasons_of_an_action_are_those_of_its_requirements() -> None:
    for action, (lists, _) in ACTIONS.items():
        wanted = {requirement.reason for requirements in lists.values() for requirement in requirements}
        assert set(reasons_of(action)) == wanted | {"kind-not-permitted"}


def test_no_metric_says_when_it_was_created_and_each_process_says_its_version() -> None:
    start_refusals({"find-documents": ["blocked"]})
    openapi("notify")
    text = generate_latest().decode()
    assert "_created" not in text
    assert value("dmp_build_info", version=version("dmp"), python=platform.python_version()) == 1
