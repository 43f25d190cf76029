"""Announcements of records: its events, on its own topics."""

from functools import partial
from typing import Final

from shared import outbox

announce: Final = partial(outbox.announce, service="records")
"""`shared.outbox.announce` as records."""
announce_effect: Final = partial(outbox.announce_effect, service="records")
"""`shared.outbox.announce_effect` as records."""
