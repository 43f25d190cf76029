"""The outbox: the transaction of a change writes a row that announces it; the relay sends the row afterwards."""

from shared.messaging.outbox.append import Announcement, announce, announce_effect, append, tombstone

__all__ = ["Announcement", "announce", "announce_effect", "append", "tombstone"]
