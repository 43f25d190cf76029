"""Announces the events of notify on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="notify")
"""`shared.messaging.outbox.announce` with notify as the service."""
announce_effect: Final = partial(outbox.announce_effect, service="notify")
"""`shared.messaging.outbox.announce_effect` with notify as the service."""
