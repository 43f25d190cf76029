"""JSON lines on standard output. Events and fields are closed lists: codes, ids, counts, times.

Names, INS, contents, tokens and bodies have no field, so they cannot be logged. An error is logged by its class and
place, never by its text, which may quote the data that caused it.
"""

import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TextIO, cast

import orjson
import structlog

from shared.errors import CodedError
from shared.runtime import tracing
from shared.runtime.line_output import LineOutput

LIMITED_EVERY_S: Final = 60.0

LogEvent = Literal[
    "process.started",
    "process.stopped",
    "process.failed",
    "migration.applied",
    "migration.progressed",
    "database.damaged",
    "request.failed",
    "request.refused",
    "batch.retried",
    "batch.failed",
    "message.dead_lettered",
    "message.parked",
    "message.redriven",
    "consumer.stopped",
    "consumer.resumed",
    "consumer.failed",
    "offsets.adopted",
    "offsets.lost",
    "offsets.moved",
    "offsets.reset",
    "message.expired",
    "message.discarded",
    "document.lost",
    "copy.ahead",
    "copy.broken",
    "erasure.overdue",
    "emergency.over_limit",
    "relay.leader_elected",
    "relay.recovery_needed",
    "relay.recovered",
    "cluster.changed",
    "partition.held",
    "partition.released",
    "announcement.refused",
    "topic.differs",
    "topic.conforms",
    "topics.unchecked",
    "loop.failed",
    "delivery.sent",
    "delivery.deferred",
    "delivery.failed",
    "export.failed",
    "keys.refreshed",
    "keys.unreachable",
    "certificates.reloaded",
    "certificates.unreadable",
    "certificates.expired",
    "library.warned",
    "notification.failed",
    "lines.dropped",
    "extractor.failed",
]
Level = Literal["info", "warning", "error"]
LEVELS: Final[Mapping[LogEvent, Level]] = {
    # An operator must act, or somebody has lost something.
    "process.failed": "error",
    "database.damaged": "error",
    "export.failed": "error",
    "request.failed": "error",
    "batch.failed": "error",
    "message.dead_lettered": "error",
    "message.expired": "error",
    "consumer.stopped": "error",
    "consumer.failed": "error",
    "offsets.lost": "error",
    "document.lost": "error",
    "copy.broken": "error",
    "erasure.overdue": "error",
    "relay.recovery_needed": "error",
    "cluster.changed": "error",
    "announcement.refused": "error",
    "topic.differs": "error",
    "certificates.expired": "error",
    "extractor.failed": "error",
    # It is tried again, or watched: many of them in a row want an operator.
    "request.refused": "warning",
    "batch.retried": "warning",
    "message.parked": "warning",
    "message.discarded": "warning",
    "offsets.reset": "warning",
    "copy.ahead": "warning",
    "emergency.over_limit": "warning",
    "partition.held": "warning",
    "loop.failed": "warning",
    "delivery.deferred": "warning",
    "delivery.failed": "warning",
    "keys.unreachable": "warning",
    "certificates.unreadable": "warning",
    "library.warned": "warning",
    "topics.unchecked": "warning",
    "notification.failed": "warning",
    "lines.dropped": "warning",
    # The ordinary course of things.
    "process.started": "info",
    "process.stopped": "info",
    "migration.applied": "info",
    "migration.progressed": "info",
    "message.redriven": "info",
    "consumer.resumed": "info",
    "offsets.adopted": "info",
    "offsets.moved": "info",
    "relay.leader_elected": "info",
    "relay.recovered": "info",
    "partition.released": "info",
    "delivery.sent": "info",
    "keys.refreshed": "info",
    "certificates.reloaded": "info",
    "topic.conforms": "info",
}
"""The level of each event, whoever logs it."""
FIELDS = frozenset(
    {
        *("event", "level", "timestamp", "service", "process", "trace_id"),
        *("group", "topic", "partition", "offset", "count", "seconds", "attempt"),
        *("code", "error", "place", "library", "method", "route", "status", "migration", "version", "port", "channel"),
        "left_out",
    }
)


def _named(service: str, process: str) -> structlog.typing.Processor:
    def name(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**line, "service": service, "process": process}

    return name


def _only_known_fields(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    unknown = line.keys() - FIELDS
    if unknown:
        raise ValueError(f"log fields not on the list: {sorted(unknown)}")
    return line


REPEATED_AFTER_S = 60.0
"""A library may warn thousands of times a minute while its server is away, which would fill the disk."""


class LibraryWarnings(logging.Handler):
    """Turns libraries' warnings into lines with the library and the place only: their texts may contain any data.

    A place is logged at once, then at most once a minute; `count` is the number of warnings that the line covers.
    """

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self._last: dict[tuple[str, str], float] = {}
        self._unsaid = Counter[tuple[str, str]]()

    def emit(self, record: logging.LogRecord) -> None:
        """Handles one warning; called under the handler's lock."""
        key = (record.name, f"{record.module}:{record.lineno}")
        self._unsaid[key] += 1
        moment = time.monotonic()
        if moment - self._last.get(key, -REPEATED_AFTER_S) < REPEATED_AFTER_S:
            return
        self._last[key] = moment
        log("library.warned", library=key[0], place=key[1], count=self._unsaid.pop(key))


class _LineLogger:
    """Writes structlog's lines to a LineOutput."""

    def __init__(self, output: LineOutput) -> None:
        self._output = output

    def info(self, line: bytes) -> None:
        """Writes a line."""
        self._output.write(line)

    warning = error = info


def configure(service: str, process: str, level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Configures the process's logging. Called once, by the process's entry point. `stream`: default standard output.

    Logging never stops a process: a line that standard output does not accept at once is dropped, and a later line
    `lines.dropped` states the number of dropped lines.
    """
    processors: list[structlog.typing.Processor] = [
        _named(service, process),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _only_known_fields,
    ]

    def describe_loss(count: int) -> bytes:
        line: structlog.typing.EventDict = {"event": "lines.dropped", "count": count}
        for processor in processors:
            line = cast("structlog.typing.EventDict", processor(None, LEVELS["lines.dropped"], line))
        return orjson.dumps(line)

    output = LineOutput(stream or sys.stdout, describe_loss)
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: _LineLogger(output),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [LibraryWarnings()]


_logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def log(event: LogEvent, *, trace: str | None = None, error: BaseException | None = None, **fields: object) -> None:
    """Writes one line at the event's level; `error` is logged by class and place.

    Raises ValueError for fields outside the list.
    """
    if trace is not None:
        fields["trace_id"] = tracing.trace_id(trace)
    if error is not None:
        fields |= describe(error)
    getattr(_logger, LEVELS[event])(event, **fields)


def describe(error: BaseException) -> dict[str, object]:
    """Returns class, stable code and innermost place of an error, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 3)[-1]}:{frames[-1].lineno}" if frames else ""
    fields: dict[str, object] = {"error": type(error).__name__, "place": place}
    if isinstance(error, CodedError):
        fields["code"] = error.code
    elif isinstance(state := getattr(error, "sqlstate", None), str):
        fields["code"] = state
    return fields


@dataclass(slots=True)
class _Limit:
    """When a line of `log_limited` was last written (monotonic seconds), and how many were left out since."""

    written_at: float
    left_out: int = 0


_limits: dict[tuple[LogEvent, str, str, str], _Limit] = {}


def log_limited(event: LogEvent, error: BaseException, **fields: str) -> None:
    """Writes at most one line a minute for each event, class, code and place of an error. `left_out` is the number
    of lines suppressed since the previous one."""
    description = describe(error)
    key = (event, str(description["error"]), str(description.get("code", "")), str(description["place"]))
    moment = time.monotonic()
    limit = _limits.get(key)
    if limit is not None and moment - limit.written_at < LIMITED_EVERY_S:
        limit.left_out += 1
        return
    _limits[key] = _Limit(moment)
    log(event, error=error, left_out=0 if limit is None else limit.left_out, **fields)
