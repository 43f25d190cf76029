"""A refused request: whom it is about, and its form under the organisation's key."""

import hmac
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

import orjson

from shared.crypto.keyring import seal, unseal
from shared.crypto.vault import place
from shared.values import Ins, RedactedRepr

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL: Final = 1
_HEAD_BYTES: Final = 4
_ORGANISATIONS: Final = UUID("5a3c4b0e-9d0f-5c57-8a55-3a7c1e2f9b60")
"""The namespace of the ids of organisations' keys."""


@dataclass(frozen=True, slots=True, repr=False)
class RefusedRequest(RedactedRepr):
    """A request as it came to a door. `labels`: those that its URL stated."""

    door: str
    body: bytes
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class StatedPersons(RedactedRepr):
    """Every INS that a request states: in its documents, and in what surrounds them."""

    documents: frozenset[Ins] = frozenset()
    envelope: frozenset[Ins] = frozenset()

    @property
    def subjects(self) -> frozenset[Ins]:
        """Whom the documents are about: those whom they name, else those whom the envelope names."""
        return self.documents or self.envelope

    def __iter__(self) -> Iterator[Ins]:
        return iter(self.documents | self.envelope)


def organisation_key_id(organisation_id: str) -> UUID:
    """Returns the id of the organisation's data key; the key is bound to it, and so to this organisation."""
    return uuid5(_ORGANISATIONS, organisation_id)


def digest_of(key: bytes, request: RefusedRequest) -> bytes:
    """Returns the keyed digest of a request: equal for equal bytes at the same door, useless without the key."""
    return hmac.digest(key, b"quarantine\0" + _head(request) + request.body, "sha256")


def seal_request(key: bytes, id: UUID, request: RefusedRequest) -> bytes:
    """Returns the request compressed and sealed under the organisation's key."""
    return seal(key, zstd.compress(_head(request) + request.body, _LEVEL), place("quarantine", id))


def open_request(key: bytes, id: UUID, sealed: bytes) -> RefusedRequest:
    """Returns the request from its sealed bytes. Raises SealBrokenError."""
    whole = zstd.decompress(unseal(key, sealed, place("quarantine", id)))
    end = _HEAD_BYTES + int.from_bytes(whole[:_HEAD_BYTES], "big")
    door, *labels = orjson.loads(whole[_HEAD_BYTES:end])
    return RefusedRequest(door, whole[end:], tuple(labels))


def _head(request: RefusedRequest) -> bytes:
    head = orjson.dumps([request.door, *request.labels])
    return len(head).to_bytes(_HEAD_BYTES, "big") + head
