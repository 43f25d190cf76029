"""The keys of a line, and its care sealed under the record's data key.

The line key is an HMAC under a key derived from the record's data key: it is useless without the record. The feed's
fingerprint is an HMAC under the feed's key, equal for everybody: it finds a line of which the person is not known yet,
so that a line never changes its person.
"""

import hmac
from collections.abc import Sequence
from uuid import UUID

from services.records.reimbursements.domain.lines import Care, LineName
from shared.crypto.keyring import Keyring, seal, unseal

KEY_BYTES = 16
_LABEL = b"reimbursement-lines\x01"


def line_keys_key(data_key: bytes) -> bytes:
    """Returns the record's key of line keys (HKDF-Expand, RFC 5869; the data key is uniform already)."""
    return hmac.digest(data_key, _LABEL, "sha256")


def line_key(keys_key: bytes, name: LineName) -> bytes:
    """Returns the line's key within its record: 16 bytes."""
    return hmac.digest(keys_key, _encoded(name), "sha256")[:KEY_BYTES]


def line_fingerprints(feed: Keyring, name: LineName) -> Sequence[bytes]:
    """Returns the line's fingerprint under each key of the feed's ring, the active one first: 16 bytes each."""
    encoded = b"line\0" + _encoded(name)
    return [hmac.digest(key, encoded, "sha256")[:KEY_BYTES] for key in feed.keys.values()]


def seal_care(data_key: bytes, record_id: UUID, key: bytes, version: int, care: bytes) -> bytes:
    """Returns the JSON of the care, sealed to its record, line and version."""
    return seal(data_key, care, _place(record_id, key, version))


def open_care(data_key: bytes, record_id: UUID, key: bytes, version: int, sealed: bytes) -> Care:
    """Returns the care from its sealed bytes. Raises SealBrokenError."""
    return Care.from_json(unseal(data_key, sealed, _place(record_id, key, version)))


def _place(record_id: UUID, key: bytes, version: int) -> bytes:
    return b"reimbursement:" + record_id.bytes + key + version.to_bytes(4, "big")


def _encoded(name: LineName) -> bytes:
    """Returns the parts with their lengths, so that no two names give the same bytes."""
    parts = (name.payer.encode(), name.sheet.encode(), name.line.encode())
    return b"".join([len(part).to_bytes(2, "big") + part for part in parts])
