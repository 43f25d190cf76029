"""Announcements of consent: its events, on its own topics."""

from functools import partial
from typing import Final

from shared import outbox

announce: Final = partial(outbox.announce, service="consent")
"""`shared.outbox.announce` as consent."""
announce_effect: Final = partial(outbox.announce_effect, service="consent")
"""`shared.outbox.announce_effect` as consent."""
