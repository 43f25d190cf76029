"""Seals blocks of facts: compressed, then encrypted under the record's data key, bound to document and group.

They are compressed with deflate (RFC 1951) and its fixed codes: a sheet opens hundreds of small blocks, and zstd takes
three times as long to begin with each. Codes of its own make a block a seventh smaller and take twice as long to open.
Data keys, and the associated data that binds sealed bytes to their place: `shared.crypto.vault`.
"""

import zlib
from functools import cache
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import encode_block
from shared.crypto.keyring import SealKey, seal, unseal
from shared.crypto.vault import place

_LEVEL: Final = 3
"""Level 6 takes four times as long for a block that is an eighth smaller."""
_RAW: Final = -zlib.MAX_WBITS
"""Without a header of zlib and its checksum: the encryption has its own."""


def seal_block(key: bytes, document_id: UUID, group: str, block: bytes) -> bytes:
    """Returns a block of facts, sealed."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zlib.DEF_MEM_LEVEL, zlib.Z_FIXED)
    return seal(key, deflate.compress(block) + deflate.flush(), _place(document_id, group))


def open_block(key: SealKey, document_id: UUID, group: str, sealed: bytes) -> bytes:
    """Returns a block of facts from its sealed bytes. Raises SealBrokenError."""
    return zlib.decompress(unseal(key, sealed, _place(document_id, group)), _RAW)


@cache
def empty_block_bytes() -> int:
    """Returns the size of a sealed block that holds nothing; a block with a fact or a count in it is longer."""
    return len(seal_block(bytes(32), UUID(int=0), "summary", encode_block(())))


def _place(document_id: UUID, group: str) -> bytes:
    return place(f"facts-{group}", document_id)
