"""The subscriptions of identity."""

from functools import partial

from services.identity.erasure.domain import ErasureRules
from services.identity.erasure.usecases.collect_acknowledgements import collect_acknowledgements
from services.identity.people.usecases.apply_copies import apply_copies
from shared.contracts.identity import ErasureAcknowledged
from shared.contracts.records import CopyApplied
from shared.contracts.topics import IDENTITY_ACKNOWLEDGED_ERASURES, IDENTITY_COPY_ACKNOWLEDGEMENTS
from shared.messaging.subscription import Subscription


def subscriptions(erasure: ErasureRules) -> list[Subscription]:
    """Returns the subscriptions. They need no inbox: handling an event twice changes nothing, since versions never
    decrease and only the first acknowledgement of a service counts."""
    return [
        Subscription(IDENTITY_COPY_ACKNOWLEDGEMENTS, (CopyApplied,), apply_copies, uses_inbox=False),
        Subscription(
            IDENTITY_ACKNOWLEDGED_ERASURES,
            (ErasureAcknowledged,),
            partial(collect_acknowledgements, rules=erasure),
            uses_inbox=False,
            skips_erased_records=False,
        ),
    ]
