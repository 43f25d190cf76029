"""Carries `traceparent` (W3C Trace Context, section 3.2) from the HTTP request through every topic to the mail."""

import os
import re
from contextvars import ContextVar

_FORM = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def new_trace() -> str:
    """Returns the traceparent of a new trace."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def continued(traceparent: str | None) -> str:
    """Returns the trace with a new span id; a new trace if the traceparent is missing or malformed."""
    match = _FORM.match(traceparent or "")
    if match is None or match[1] == "0" * 32:
        return new_trace()
    return f"00-{match[1]}-{os.urandom(8).hex()}-{match[3]}"


def enter(traceparent: str | None) -> str:
    """Makes the continued trace the current one of this task and returns it."""
    trace = continued(traceparent)
    _current.set(trace)
    return trace


def current() -> str:
    """Returns the current task's traceparent; a new one outside any request or message."""
    return _current.get() or new_trace()


def is_sampled(traceparent: str) -> bool:
    """Whether the caller who began the trace lets it be kept."""
    return bool(int(traceparent[-2:], 16) & 1)


def span_id(traceparent: str) -> str:
    """Returns the 16 hexadecimal digits of the step itself."""
    return traceparent[36:52]


def trace_id(traceparent: str) -> str:
    """Returns the 32 hexadecimal digits that all spans of the trace share."""
    return traceparent[3:35]
