"""Announces the events of audit on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="audit")
"""`shared.messaging.outbox.announce` with audit as the service."""
announce_effect: Final = partial(outbox.announce_effect, service="audit")
"""`shared.messaging.outbox.announce_effect` with audit as the service."""
