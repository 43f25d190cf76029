"""Announces events as notify, on the topics of notify."""

from functools import partial
from typing import Final

from shared.messaging import outbox

announce: Final = partial(outbox.announce, service="notify")
"""`shared.messaging.outbox.announce` as notify."""
announce_effect: Final = partial(outbox.announce_effect, service="notify")
"""`shared.messaging.outbox.announce_effect` as notify."""
