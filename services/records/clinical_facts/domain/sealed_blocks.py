"""Seals blocks of facts: compressed with zstd, then encrypted under the record's data key, bound to document and group.

Data keys, and the associated data that binds sealed bytes to their place: `shared.crypto.vault`.
"""

import sys
from functools import cache
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import encode_block
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


@cache
def empty_block_bytes() -> int:
    """Returns the size of a sealed block that holds nothing; a block with a fact or a count in it is longer."""
    return len(seal_block(bytes(32), UUID(int=0), "summary", encode_block(())))


def _place(document_id: UUID, group: str) -> bytes:
    return place(f"facts-{group}", document_id)
