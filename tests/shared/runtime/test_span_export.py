"""Spans reach a collector with the ids that travel; a collector that is away costs nothing but spans."""

import subprocess
import sys
import time
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from shared.runtime import span_export, spans, tracing
from shared.runtime.metrics import SPANS_DROPPED, SPANS_SENT
from shared.runtime.span_export import LAST_SEND_S, NOT_TAKEN, QUEUE_FULL, QUEUE_LENGTH, exporting
from shared.runtime.tracing_settings import TracingSettings
from tests.infra.platform.collector import collecting
from tests.infra.platform.paths import ROOT

NOWHERE = "http://127.0.0.1:1"


def settings(**values: Any) -> TracingSettings:
    return TracingSettings.model_validate(values)


def record(trace: str, parent: str = "") -> None:
    spans.record("process topic", "consumer", trace, parent, {"messaging.system": "kafka"}, seconds=0.5)


def dropped(reason: str) -> float:
    return float(SPANS_DROPPED.labels(reason)._value.get())


def test_a_span_comes_with_its_ids_its_parent_and_its_attributes() -> None:
    cause = tracing.new_trace()
    step = tracing.continued(cause)
    sent = SPANS_SENT._value.get()
    with collecting() as collector, exporting(settings(endpoint=collector.url), "records-worker"):
        record(step, cause)
        record(tracing.new_trace())
        assert spans.is_enabled()
    first, second = collector.spans
    assert (first.trace, first.id) == (tracing.trace_id(step), tracing.span_id(step))
    assert (first.parent, second.parent) == (tracing.span_id(cause), "")
    assert (first.name, first.attributes) == ("process topic", {"messaging.system": "kafka"})
    [resource] = collector.resources
    assert resource["service.name"] == "dmp-records-worker"
    assert SPANS_SENT._value.get() == sent + 2
    assert not spans.is_enabled()


def test_a_trace_that_its_beginner_does_not_sample_is_not_kept() -> None:
    with collecting() as collector, exporting(settings(endpoint=collector.url), "records-api"):
        record(tracing.new_trace()[:-2] + "00")
    assert collector.spans == []


def test_a_share_of_the_traces_is_kept_the_same_in_each_process() -> None:
    traces = [tracing.new_trace() for _ in range(1000)]
    kept = []
    for process in ("records-worker", "audit-worker"):
        with collecting() as collector, exporting(settings(endpoint=collector.url, ratio=0.2), process):
            for trace in traces:
                record(tracing.continued(trace))
        kept.append({span.trace for span in collector.spans})
    assert kept[0] == kept[1]
    assert 100 < len(kept[0]) < 300


def test_a_collector_that_is_away_makes_nobody_wait_and_its_spans_are_counted() -> None:
    before = dropped(NOT_TAKEN) + dropped(QUEUE_FULL)
    count = 3 * QUEUE_LENGTH
    with exporting(settings(endpoint=NOWHERE), "records-worker"):
        started = time.perf_counter()
        for _ in range(count):
            record(tracing.new_trace())
        per_span = (time.perf_counter() - started) / count
        ended = time.perf_counter()
    assert per_span < 0.001
    assert time.perf_counter() - ended < LAST_SEND_S + 3
    assert dropped(QUEUE_FULL) > 0
    assert dropped(NOT_TAKEN) + dropped(QUEUE_FULL) - before <= count


def test_a_collector_that_never_answers_does_not_keep_a_process_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_export, "SEND_S", 30.0)
    with collecting(answers=False) as collector:
        with exporting(settings(endpoint=collector.url), "records-worker"):
            record(tracing.new_trace())
            started = time.perf_counter()
        assert time.perf_counter() - started < LAST_SEND_S + 3


def test_a_process_without_an_endpoint_does_not_load_the_library() -> None:
    code = "import services.records.app, sys; print('opentelemetry.sdk' in sys.modules, 'requests' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    "endpoint",
    ["http://collector.example:4318", "https://user@collector.example", "collector.example", "file:///x"],
)
def test_an_endpoint_beyond_this_machine_is_https_and_holds_no_password(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="must be an https URL"):
        settings(endpoint=endpoint)
    assert settings(endpoint="https://collector.example:4318").endpoint is not None


def test_no_attribute_can_name_a_person_a_record_or_a_document() -> None:
    words = ("url", "user", "id", "body", "query", "client")
    assert [name for name in get_args(spans.Attribute) if any(word in name.split(".") for word in words)] == []
