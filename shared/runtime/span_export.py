"""Sends spans to a collector by OTLP over HTTP, in a thread of its own.

A collector that is slow or away costs the process nothing but spans: the queue is bounded, nobody waits for it, and
what it does not hold, or the collector does not take, is counted. OpenTelemetry is imported only where an endpoint is
set: it takes about a second.
"""

import logging
import queue
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from shared.runtime import spans
from shared.runtime.metrics import SPANS_DROPPED, SPANS_SENT, start_at_zero
from shared.runtime.spans import Kind, Span
from shared.runtime.tracing import span_id, trace_id
from shared.runtime.tracing_settings import TracingSettings
from shared.runtime.version import software_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

QUEUE_LENGTH: Final = 4096
BATCH: Final = 512
GATHER_S: Final = 1.0
SEND_S: Final = 5.0
"""Seconds for one request to the collector, attempts included."""
LAST_SEND_S: Final = 2.0
"""Seconds that the end of a process waits for the spans in the queue."""
QUEUE_FULL, NOT_TAKEN = "queue-full", "not-taken"
_TRACE_SPACE: Final = 1 << 56


@contextmanager
def exporting(settings: TracingSettings, process: str) -> Iterator[None]:
    """Exports the spans of this process, such as `records-api`, for the duration of the block; nothing without an
    endpoint."""
    if settings.endpoint is None:
        yield
        return
    start_at_zero(SPANS_DROPPED, [QUEUE_FULL, NOT_TAKEN])
    exporter = SpanExport(settings, process)
    spans.set_sink(exporter.offer)
    try:
        yield
    finally:
        spans.set_sink(None)
        exporter.end()


class SpanExport:
    """A bounded queue of spans, and the thread that empties it."""

    def __init__(self, settings: TracingSettings, process: str) -> None:
        self._settings, self._process = settings, process
        self._limit = int(settings.ratio * _TRACE_SPACE)
        self._queue: queue.Queue[Span | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name="span-export", daemon=True)
        self._thread.start()

    def offer(self, span: Span) -> None:
        """Takes a span of a trace that is kept; drops and counts it when the queue is full. Never waits."""
        if int(trace_id(span.trace)[-14:], 16) >= self._limit:  # the same traces in every service
            return
        try:
            self._queue.put_nowait(span)
        except queue.Full:
            SPANS_DROPPED.labels(QUEUE_FULL).inc()

    def end(self) -> None:
        """Sends what is in the queue, for LAST_SEND_S at most."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(LAST_SEND_S)

    def _run(self) -> None:
        translator = _Translator(self._settings, self._process)
        is_last = False
        while not is_last:
            batch, is_last = self._next_batch()
            if batch:
                is_taken = translator.send(batch)
                counter = SPANS_SENT if is_taken else SPANS_DROPPED.labels(NOT_TAKEN)
                counter.inc(len(batch))

    def _next_batch(self) -> tuple[list[Span], bool]:
        """Waits for a span and gathers others. Returns them, and whether the process ends."""
        batch: list[Span] = []
        span = self._queue.get()
        while span is not None:
            batch.append(span)
            if len(batch) == BATCH:
                return batch, False
            try:
                span = self._queue.get(timeout=GATHER_S)
            except queue.Empty:
                return batch, False
        return batch, True


class _Translator:
    """Makes OpenTelemetry's spans and sends them."""

    def __init__(self, settings: TracingSettings, process: str) -> None:
        import requests
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what fails is counted
        session = requests.Session()
        session.trust_env = False  # no proxy, and no authorities, of the environment
        paths = ssl.get_default_verify_paths()
        authorities = settings.ca_file or paths.cafile or paths.openssl_cafile
        self._exporter = OTLPSpanExporter(
            endpoint=f"{str(settings.endpoint).rstrip('/')}/v1/traces",
            certificate_file=str(authorities),
            headers={},
            timeout=SEND_S,
            compression=Compression.Gzip,
            session=session,
        )
        service, _, _ = process.partition("-")
        named: dict[str, Any] = {"service.namespace": "dmp", "service.name": f"dmp-{process}"}
        self._resource = Resource({**named, "service.version": software_version(), "dmp.service": service})
        self._scope = InstrumentationScope("dmp", software_version())

    def send(self, batch: Sequence[Span]) -> bool:
        """Returns whether the collector took the spans."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        return self._exporter.export([self._translated(span) for span in batch]) is SpanExportResult.SUCCESS

    def _translated(self, span: Span) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode
        from opentelemetry.util.types import AnyValue

        kinds: dict[Kind, SpanKind] = {
            "server": SpanKind.SERVER,
            "client": SpanKind.CLIENT,
            "producer": SpanKind.PRODUCER,
            "consumer": SpanKind.CONSUMER,
        }
        has_parent = bool(span.parent) and trace_id(span.parent) == trace_id(span.trace)
        attributes: dict[str, AnyValue] = {str(name): value for name, value in span.attributes.items()}
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace),
            parent=_context(span.parent) if has_parent else None,
            resource=self._resource,
            attributes=attributes,
            kind=kinds[span.kind],
            status=Status(StatusCode.ERROR if span.is_error else StatusCode.UNSET),
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    ids = int(trace_id(trace), 16), int(span_id(trace), 16)
    return SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
