"""Which topic carries which event: the topics of `topics.py`, looked up from the event's side."""

from shared.contracts.base import Event
from shared.contracts.declarations import RELAY_EVENTS, Principal, Topic
from shared.contracts.topics import TOPICS

EVENTS: dict[str, type[Event]] = {event.ce_type: event for topic in TOPICS for event in topic.events}
"""Event type (`ce_type`) -> model, for every event that any topic carries."""


def topic_of(event: Event, writer: Principal) -> Topic:
    """Returns the topic on which `writer` sends this event. Raises ValueError when it may not send it."""
    topic = _TOPIC_BY_WRITER.get((type(event), writer))
    if topic is None:
        raise ValueError(f"{writer} writes no topic that carries {event.ce_type}")
    return topic


_TOPIC_BY_WRITER = {(e, topic.writer): topic for topic in TOPICS for e in topic.events if e not in RELAY_EVENTS}
