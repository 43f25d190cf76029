"""Measures sealed under the record's data key, and the digest by which one that is sent again is found."""

import hmac
from typing import Final
from uuid import UUID

from services.records.measures.domain.measures import Measure
from shared.crypto.keyring import seal, unseal

DIGEST_BYTES: Final = 16
_LABEL: Final = b"measures\x01"


def measure_digest(data_key: bytes, measure: Measure) -> bytes:
    """Returns an HMAC of the measure under a key derived from the record's data key (HKDF-Expand, RFC 5869): 16 bytes,
    useless without the record."""
    return hmac.digest(hmac.digest(data_key, _LABEL, "sha256"), measure.as_json(), "sha256")[:DIGEST_BYTES]


def seal_measure(data_key: bytes, record_id: UUID, id: UUID, version: int, measure: Measure) -> bytes:
    """Returns the measure, sealed to its record, id and version."""
    return seal(data_key, measure.as_json(), _place(record_id, id, version))


def open_measure(data_key: bytes, record_id: UUID, id: UUID, version: int, sealed: bytes) -> Measure:
    """Returns the measure from its sealed bytes. Raises SealBrokenError."""
    return Measure.from_json(unseal(data_key, sealed, _place(record_id, id, version)))


def _place(record_id: UUID, id: UUID, version: int) -> bytes:
    return b"measure:" + record_id.bytes + id.bytes + version.to_bytes(4, "big")
