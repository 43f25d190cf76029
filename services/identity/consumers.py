"""What identity listens to."""

from services.identity.usecases.apply_copies import apply_copies
from shared.consuming import Subscription
from shared.contracts.records import CopyApplied
from shared.contracts.topics import IDENTITY_COPY_ACKNOWLEDGEMENTS

SUBSCRIPTIONS = (
    # Not remembered: a version never goes back, so the same word twice changes nothing.
    Subscription(IDENTITY_COPY_ACKNOWLEDGEMENTS, (CopyApplied,), apply_copies, remember=False),
)
