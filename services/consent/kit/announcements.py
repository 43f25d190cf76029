"""Announces the events of consent on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="consent")
"""`shared.messaging.outbox.announce` with consent as the service."""
announce_effect: Final = partial(outbox.announce_effect, service="consent")
"""`shared.messaging.outbox.announce_effect` with consent as the service."""
