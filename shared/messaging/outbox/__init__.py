"""Announcing a change: a row in the transaction of the change, sent afterwards by the relay."""

from shared.messaging.outbox.append import Announcement, announce, announce_effect, append, tombstone

__all__ = ["Announcement", "announce", "announce_effect", "append", "tombstone"]
