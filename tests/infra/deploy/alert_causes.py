"""The real causes of the alerts that call somebody, and the labels under which each alert fires."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager as Context
from dataclasses import dataclass
from typing import Final

from shared.contracts.topics import CONSENT_DECISIONS, CONSENT_DEPOSIT_CHECKS, NOTIFY_ALERTS
from tests.infra.deploy import watched_faults as faults
from tests.infra.deploy import watched_topics as topics
from tests.infra.deploy.watched_faults import Installation


@dataclass(frozen=True)
class Cause:
    """A cause, and the labels of the alerts that it fires. They may fire while it lasts, or only once it has ended."""

    make: Callable[[Installation], Context[None]]
    fires: tuple[Mapping[str, str], ...]


def _alert(name: str, **labels: str) -> Mapping[str, str]:
    return {"alertname": name, **labels}


def _burns(objective: str, **labels: str) -> Mapping[str, str]:
    return _alert("DmpErrorBudgetBurnsFast", slo=objective, **labels)


_RECORDS, _CHECKS = "dmp-records-worker", CONSENT_DEPOSIT_CHECKS.name
CAUSES: Final[Mapping[str, Cause]] = {
    "worker-killed": Cause(faults.worker_killed, (_alert("DmpTargetDown", job="dmp-audit-worker"),)),
    "job-forgotten": Cause(faults.job_forgotten, (_alert("DmpTargetAbsent", job="dmp-notify-worker"),)),
    "database-frozen": Cause(faults.database_frozen, (_burns("answers", job="dmp-records-api"),)),
    "topic-changed": Cause(topics.topic_changed, (_alert("DmpTopicDiffers", topic=NOTIFY_ALERTS.name),)),
    "checks-late": Cause(faults.checks_late, (_burns("deposits", step="decided"),)),
    "revocation-late": Cause(faults.revocation_late, (_burns("revocations"),)),
    "erasure-unacknowledged": Cause(
        faults.erasure_unacknowledged, (_alert("DmpErasuresOverdue", job="dmp-identity-worker"),)
    ),
    "codes-refused": Cause(faults.codes_refused, (_alert("DmpMessagesFailing", channel="mail"),)),
    "messages-unusable": Cause(
        topics.messages_unusable,
        (
            _alert("DmpConsumerStopped", group=_CHECKS),
            _alert("DmpDeadLetters", group=_CHECKS),
            _burns("messages", group=_CHECKS),
        ),
    ),
    "announcement-refused": Cause(
        topics.announcement_refused, (_alert("DmpAnnouncementRefused", topic=CONSENT_DECISIONS.name),)
    ),
    "clock-ahead": Cause(faults.clock_ahead, (_alert("DmpClockWrong", job=_RECORDS),)),
    "broker-stopped": Cause(
        faults.broker_stopped,
        (
            _alert("DmpOutboxStuck", job=_RECORDS),
            _alert("DmpCopyTooOld", job=_RECORDS),
            _burns("announcements", job=_RECORDS),
            _burns("copies", job=_RECORDS),
        ),
    ),
    "commits-lost": Cause(faults.commits_lost, (_alert("DmpRecoveryNeeded", job=_RECORDS),)),
    "documents-lost": Cause(faults.documents_lost, (_alert("DmpDocumentsLost", job=_RECORDS),)),
    "retention-passed": Cause(topics.retention_passed, (_alert("DmpConsumerOffsetsLost", group=_CHECKS),)),
}
"""The causes by name, in the order in which they are made: the last ones leave offsets behind."""
