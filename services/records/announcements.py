"""Announcements of records: its events, on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="records")
"""`shared.messaging.outbox.announce` as records."""
announce_effect: Final = partial(outbox.announce_effect, service="records")
"""`shared.messaging.outbox.announce_effect` as records."""
