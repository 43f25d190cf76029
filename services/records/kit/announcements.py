"""Announces the events of records on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="records")
"""`shared.messaging.outbox.announce` with records as the service."""
announce_effect: Final = partial(outbox.announce_effect, service="records")
"""`shared.messaging.outbox.announce_effect` with records as the service."""
