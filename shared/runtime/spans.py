"""Spans: what one step of a trace did, and for how long. They are kept only where an endpoint is set.

The ids are those that `shared.runtime.tracing` draws and that travel in `traceparent`, so that the spans of all
services are one tree without anything more on the wire. What a span says comes from a closed list: codes, names of
topics and templates of routes; never an id of a person, a record or a document, a URL or a parameter.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.runtime import tracing

Kind = Literal["server", "client", "producer", "consumer"]
Attribute = Literal[
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "messaging.system",
    "messaging.destination.name",
    "messaging.consumer.group.name",
    "messaging.batch.message_count",
    "dmp.event.type",
    "dmp.delivery.channel",
    "dmp.delivery.outcome",
]


@dataclass(frozen=True, slots=True)
class Span:
    """One step. `trace`: its traceparent; `parent`: that of its cause, or "". Times are Unix nanoseconds."""

    name: str
    kind: Kind
    trace: str
    parent: str
    started_ns: int
    ended_ns: int
    attributes: Mapping[Attribute, str | int]
    is_error: bool = False


_sinks: list[Callable[[Span], None]] = []


def is_enabled() -> bool:
    """Whether spans are kept. Where they are not, callers spare themselves the making."""
    return bool(_sinks)


def set_sink(sink: Callable[[Span], None] | None) -> None:
    """Sets what takes each span, or None. It must neither wait nor raise."""
    _sinks[:] = [] if sink is None else [sink]


def record(
    name: str,
    kind: Kind,
    trace: str,
    parent: str,
    attributes: Mapping[Attribute, str | int],
    *,
    seconds: float,
    is_error: bool = False,
) -> None:
    """Keeps a step that has just ended after `seconds`, if its trace is sampled (W3C Trace Context, 3.2.2.5)."""
    if _sinks and tracing.is_sampled(trace):
        ended = time.time_ns()
        _sinks[0](Span(name, kind, trace, parent, ended - int(seconds * 1e9), ended, attributes, is_error))
