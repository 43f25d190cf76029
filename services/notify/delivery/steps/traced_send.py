"""Sends one message and keeps the span of its delivery."""

import time

from services.notify.delivery.domain import Delivered, GatewayAnswer, OutgoingMessage
from services.notify.delivery.steps.delivery_loop import Gateway
from services.notify.delivery.steps.outcome_log import outcome_label
from services.notify.kit.kinds import Channel
from shared.runtime import spans, tracing


async def send_traced(gateway: Gateway, channel: Channel, message: OutgoingMessage, cause: str) -> GatewayAnswer:
    """Returns the gateway's answer. `cause`: the traceparent of what the message is about."""
    started = time.perf_counter()
    answer = await gateway.send(message)
    if spans.is_enabled():
        attributes: dict[spans.Attribute, str | int] = {
            "dmp.delivery.channel": channel,
            "dmp.delivery.outcome": outcome_label(answer),
        }
        seconds, is_error = time.perf_counter() - started, not isinstance(answer, Delivered)
        name = f"deliver {channel}"
        trace = tracing.continued(cause)
        spans.record(name, "client", trace, cause, attributes, seconds=seconds, is_error=is_error)
    return answer
