"""The subscriptions of each service's processes, with keys for tests."""

from collections.abc import Sequence
from datetime import timedelta

from services.audit.consumers import subscriptions as of_audit
from services.consent.consumers import subscriptions as of_consent
from services.identity.consumers import subscriptions as of_identity
from services.notify.alerts.domain.rules import AlertRules
from services.notify.consumers import subscriptions as of_notify
from services.records.clinical_facts.adapters.extractor import Extractor
from services.records.clinical_facts.context import ExtractionContext
from services.records.consumers import extraction
from services.records.consumers import subscriptions as of_records
from shared.contracts.declarations import SERVICES
from shared.messaging.subscription import Subscription
from tests.infra.audit.keys import MOTIVES
from tests.infra.erasure.erasures import ERASURE
from tests.infra.notify.notify import KEYRING, SENDER
from tests.infra.records.records_api import CALL_RING, FILLING, RING


def subscriptions_of(service: str) -> Sequence[Subscription]:
    """The subscriptions of a service."""
    match service:
        case "identity":
            return of_identity(ERASURE)
        case "records":
            reading = ExtractionContext(FILLING.vault, RING, Extractor())
            return [*of_records(FILLING.vault, FILLING, CALL_RING), extraction(reading)]
        case "consent":
            return of_consent()
        case "audit":
            return of_audit(MOTIVES)
    return of_notify(KEYRING, AlertRules(window=timedelta(minutes=15), follow_up_after=timedelta(hours=1)), SENDER)


def subscription_of(group: str) -> Subscription:
    """The subscription of one group, by its name."""
    [subscription] = [
        subscription
        for subscription in subscriptions_of(group.split(".", maxsplit=1)[0])
        if subscription.group.name == group
    ]
    return subscription


ALL: Sequence[Subscription] = [subscription for service in SERVICES for subscription in subscriptions_of(service)]
"""The subscriptions of all services."""
