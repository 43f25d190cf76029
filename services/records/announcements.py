"""Announcements of records: its events, on its own topics."""

from functools import partial
from typing import Final

from shared import outbox

announce: Final = partial(outbox.announce, service="records")
"""`shared.outbox.announce` as records."""
