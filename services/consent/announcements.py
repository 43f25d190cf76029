"""Announcements of consent: its events, on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="consent")
"""`shared.messaging.outbox.announce` as consent."""
announce_effect: Final = partial(outbox.announce_effect, service="consent")
"""`shared.messaging.outbox.announce_effect` as consent."""
