"""Announcements of identity: its events on its own topics."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="identity")
"""`shared.messaging.outbox.announce` as identity."""
