"""The spans of messages: each one that a group finished, and each announcement that the broker acknowledged."""

from collections.abc import Sequence

import asyncpg

from shared.contracts.base import HeartbeatSent
from shared.messaging.batch_plan import BatchItem
from shared.messaging.envelope import Message
from shared.runtime import spans, tracing

_SYSTEM = "kafka"


def record_spans(group: str, finished: Sequence[BatchItem], seconds: float) -> None:
    """Keeps a span of each message of a batch: it is the parent of what the message brought about."""
    for item in finished:
        if isinstance(item.decoded, Message) and not isinstance(item.decoded.event, HeartbeatSent):
            parent = dict(item.record.headers).get("traceparent") or b""
            attributes: dict[spans.Attribute, str | int] = {
                "messaging.system": _SYSTEM,
                "messaging.destination.name": item.topic,
                "messaging.consumer.group.name": group,
                "messaging.batch.message_count": len(finished),
                "dmp.event.type": item.decoded.event.ce_type,
            }
            trace, cause = item.decoded.trace, parent.decode("ascii", "replace")
            spans.record(f"process {item.topic}", "consumer", trace, cause, attributes, seconds=seconds)


def record_sends(rows: Sequence[asyncpg.Record], seconds: float) -> None:
    """Keeps a span of each row of the outbox that the broker acknowledged, below the step that wrote it."""
    for row in rows:
        attributes: dict[spans.Attribute, str | int] = {
            "messaging.system": _SYSTEM,
            "messaging.destination.name": row["topic"],
            "messaging.batch.message_count": len(rows),
            "dmp.event.type": row["event_type"],
        }
        trace = tracing.continued(row["traceparent"])
        spans.record(f"send {row['topic']}", "producer", trace, row["traceparent"], attributes, seconds=seconds)
