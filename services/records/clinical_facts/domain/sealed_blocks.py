"""Seals blocks of facts: compressed with zstd, then encrypted under the record's data key, bound to document and group.

Data keys, and the associated data that binds sealed bytes to their place: `shared.crypto.vault`.
"""

import sys
from typing import Final
from uuid import UUID

from shared.crypto.keyring import seal, unseal
from shared.crypto.vault import place

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL: Final = 1


def seal_block(key: bytes, document_id: UUID, group: str, block: bytes) -> bytes:
    """Returns a block of facts, sealed."""
    return seal(key, zstd.compress(block, _LEVEL), _place(document_id, group))


def open_block(key: bytes, document_id: UUID, group: str, sealed: bytes) -> bytes:
    """Returns a block of facts from its sealed bytes. Raises SealBrokenError."""
    return zstd.decompress(unseal(key, sealed, _place(document_id, group)))


def _place(document_id: UUID, group: str) -> bytes:
    return place(f"facts-{group}", document_id)
