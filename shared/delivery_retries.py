"""When a message that could not be delivered is tried again, and for how long."""

from datetime import timedelta
from typing import Final

RETRY_PERIOD: Final = timedelta(hours=48)
"""After this time a message that could not be delivered is given up."""
_RETRY_DELAYS_S = (5, 30, 120, 600, 3600, 7200, 14400, 21600, 28800, 43200)
_RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in _RETRY_DELAYS_S)


def retry_delay(attempts: int) -> timedelta:
    """Returns the delay between the n-th failed attempt and the next: 5 seconds at first, 12 hours at most."""
    return _RETRY_DELAYS[min(attempts, len(_RETRY_DELAYS)) - 1]
