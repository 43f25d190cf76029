"""The configuration of topics: no topic keeps anything longer than an erasure receipt states."""

from datetime import timedelta

from services.identity.erasure.domain import longest_retention
from shared.contracts.topics import CLEANED_WITHIN, IDENTITY_ERASURES
from shared.messaging.topics.layouts import declared_topics


def days(milliseconds: str) -> timedelta:
    return timedelta(milliseconds=int(milliseconds))


def test_what_is_deleted_or_compacted_is_gone_before_the_moment_that_a_receipt_names() -> None:
    for layout in declared_topics():
        closed = days(layout.config["segment.ms"])
        if layout.config["cleanup.policy"] == "compact":
            kept = days(layout.config["max.compaction.lag.ms"])
        elif layout.name == IDENTITY_ERASURES.name:
            assert layout.config["retention.ms"] == "-1"
            continue
        else:
            kept = days(layout.config["retention.ms"]) + closed
        assert timedelta(0) < closed <= timedelta(days=1)
        assert kept + CLEANED_WITHIN <= longest_retention(timedelta(0)), layout.name
