"""The outbox: the transaction of a change writes rows that announce it; the relay sends the rows afterwards."""

from shared.messaging.outbox.append import Announcement, announce, announce_effect, append, tombstone

__all__ = ["Announcement", "announce", "announce_effect", "append", "tombstone"]
