"""Announcements of identity: its events, on its own topics."""

from functools import partial
from typing import Final

from shared import outbox

announce: Final = partial(outbox.announce, service="identity")
"""`shared.outbox.announce` as identity."""
