"""What `dmp topics` and `dmp status` read from the broker and from the workers' metrics."""

from deploy.cli.worker_metrics import GroupMetrics, findings, groups_in, services_to_recover, stopped_consumers
from deploy.local.cli.commands.topics import (
    GroupState,
    LagState,
    TopicState,
    group_states,
    lag_states,
    topic_states,
)
from shared.contracts.topics import GROUPS

DOCUMENTS = "records.documents.v1"
CHECKS, TRACKING = "consent.deposit-checks", "records.deposit-tracking"
PAGE = f"""\
# TYPE consumer_lag_seconds gauge
consumer_lag_seconds{{group="{CHECKS}",topic="{DOCUMENTS}"}} 2.0
# TYPE parked_messages gauge
parked_messages{{group="{CHECKS}",reason="dead"}} 2.0
parked_messages{{group="{CHECKS}",reason="expired"}} 1.0
parked_messages{{group="{CHECKS}",reason="behind-dead"}} 5.0
# TYPE consumer_stopped gauge
consumer_stopped{{group="{CHECKS}"}} 1.0
consumer_stopped{{group="{TRACKING}"}} 0.0
# TYPE consumer_offsets_lost gauge
consumer_offsets_lost{{group="{TRACKING}",topic="audit.entries.v1"}} 1.0
consumer_offsets_lost{{group="{CHECKS}",topic="{DOCUMENTS}"}} 0.0
# TYPE other gauge
other 1.0
"""
METRICS = groups_in([PAGE])


def test_topics_and_lags_are_counted_over_their_partitions() -> None:
    starts = {(DOCUMENTS, 0): 10, (DOCUMENTS, 1): 0}
    first = {(DOCUMENTS, 0): 20, (DOCUMENTS, 1): 5}
    last = first | {(DOCUMENTS, 1): 9}
    assert TopicState(DOCUMENTS, 2, 19, 2.0) in topic_states(starts, first, last, 2.0)
    lags = lag_states(starts, last, {CHECKS: {(DOCUMENTS, 0): 20}}, METRICS)
    assert LagState(CHECKS, DOCUMENTS, 9, 2.0) in lags
    assert LagState("notify.document-alerts", DOCUMENTS, 19, None) in lags


def test_each_dead_letter_is_counted_once_whatever_the_number_of_its_groups_topics() -> None:
    states = group_states(METRICS, {"consent", "records"})
    assert [state.group for state in states] == [group.name for group in GROUPS]
    assert sum(state.dead_letters or 0 for state in states) == 3
    assert GroupState(CHECKS, 3, 5, True) in states
    assert len(next(group for group in GROUPS if group.name == TRACKING).topics) > 1
    assert GroupState(TRACKING, 0, 0, True) in states


def test_what_a_silent_worker_would_say_is_unknown() -> None:
    assert GroupState(CHECKS, None, None, None) in group_states({}, {"records"})


def test_the_workers_metrics_are_read() -> None:
    assert {
        CHECKS: GroupMetrics(3, 5, True, {DOCUMENTS: 2.0}, []),
        TRACKING: GroupMetrics(0, 0, False, {}, ["audit.entries.v1"]),
    } == METRICS


def test_a_service_that_waits_for_its_recovery_is_found() -> None:
    page = "# TYPE outbox_recovery_needed gauge\noutbox_recovery_needed {}\n"
    assert services_to_recover({"records": page.format(0.0), "identity": page.format(1.0), "audit": ""}) == ["identity"]


def test_the_status_names_dead_letters_stopped_consumers_recoveries_and_silent_workers() -> None:
    assert set(stopped_consumers(METRICS)) == {CHECKS, TRACKING}
    assert findings(METRICS, ["notify"], ["identity"]) == [
        f"dead letters: 3 ({CHECKS} 3); look with `dmp dlt list`",
        f"stopped consumer: {CHECKS}: too many of its messages fail; it tries one at a time",
        f"stopped consumer: {TRACKING}: Kafka no longer has its stored offset of audit.entries.v1",
        "identity announces nothing: its database lacks what it announced before; run `dmp recover identity`",
        "unknown for notify: the worker does not answer",
    ]
    assert findings({}, [], []) == ["no dead letter", "no stopped consumer"]
