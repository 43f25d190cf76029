"""Announcements of audit: its events, on its own topics."""

from functools import partial
from typing import Final

from shared import outbox

announce: Final = partial(outbox.announce, service="audit")
"""`shared.outbox.announce` as audit."""
announce_effect: Final = partial(outbox.announce_effect, service="audit")
"""`shared.outbox.announce_effect` as audit."""
