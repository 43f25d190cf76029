"""The parameters of alerts. Pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AlertRules:
    """How long alerts wait.

    `window`: how long after a mail about documents (or consultations) of a record further alerts wait, to be sent in
    one mail. `follow_up_after`: how long after the first access of an emergency its follow-up is sent.
    """

    window: timedelta
    follow_up_after: timedelta

    @property
    def merges_alerts(self) -> bool:
        """Whether alerts of one kind about one record that are due together are sent as one message."""
        return self.window > timedelta(0)
