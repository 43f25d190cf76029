"""Announcing a change: a row in the transaction of the change, sent afterwards by the relay."""

from shared.outbox.append import Announcement, announce, append, tombstone

__all__ = ["Announcement", "announce", "append", "tombstone"]
