"""The list of accesses as a signed file of JSON lines (UTF-8): a head, a line for each entry, a signature.

The last line is `{"signature": "..."}`: a compact JWS (`shared.crypto.signatures`) whose payload repeats the head and
states the number of entries and the SHA-256 of all bytes before that line. A file that was cut has no signature.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import BinaryIO, Final
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from shared.crypto.signatures import SignatureInvalidError, SignatureKeys, verified_payload

FORMAT: Final = "dmp-access-list-1"
SIGNATURE_KIND: Final = "access-list+jws"
MEDIA_TYPE: Final = "application/jsonl"
LONGEST_LINE: Final = 64 * 1024


class AccessFileHead(BaseModel):
    """The first line: whose list it is, and when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: str = FORMAT
    record_id: UUID
    made_at: AwareDatetime


class AccessFileSeal(AccessFileHead):
    """The payload of the signature. `sha256`: of the bytes before it, in hexadecimal."""

    entries: int
    sha256: str


class AccessFileWriter:
    """Writes the file piece by piece; what was written is hashed and counted, not kept."""

    def __init__(self, record_id: UUID, made_at: datetime) -> None:
        self._head = AccessFileHead(record_id=record_id, made_at=made_at)
        self._hash, self._entries = hashlib.sha256(), 0

    def head(self) -> bytes:
        """Returns the first line."""
        return self._hashed(_line(self._head))

    def entries(self, views: list[BaseModel]) -> bytes:
        """Returns the lines of some entries."""
        self._entries += len(views)
        return self._hashed(b"".join(map(_line, views)))

    def signature(self, keys: SignatureKeys) -> bytes:
        """Returns the last line."""
        seal = AccessFileSeal(**self._head.model_dump(), entries=self._entries, sha256=self._hash.hexdigest())
        return orjson.dumps({"signature": keys.sign(_line(seal), SIGNATURE_KIND)}) + b"\n"

    def _hashed(self, piece: bytes) -> bytes:
        self._hash.update(piece)
        return piece


def verify_access_file(file: BinaryIO, published: object, note: Callable[[AccessFileSeal], None]) -> Iterator[str]:
    """Yields what is wrong with a file, a sentence each; `published`: the public keys (a JWK Set). Where nothing is,
    `note` gets what was signed."""
    lines, digest, count = iter(lambda: file.readline(LONGEST_LINE), b""), hashlib.sha256(), 0
    head = last = next(lines, b"")
    for line in lines:
        digest.update(last)
        last, count = line, count + 1
    seal = _seal_of(last, published)
    if seal is None:
        yield "signature: none of the published keys has signed this list, or its end is missing"
        return
    problems = list(_differences(seal, head, digest.hexdigest(), count - 1))
    yield from problems
    if not problems:
        note(seal)


def _differences(seal: AccessFileSeal, head: bytes, digest: str, entries: int) -> Iterator[str]:
    signed_head = AccessFileHead(record_id=seal.record_id, made_at=seal.made_at)
    if seal.format != FORMAT or head != _line(signed_head):
        yield "head: it is not the one that was signed"
    if seal.entries != entries:
        yield f"entries: {entries} are here, {seal.entries} were signed"
    if seal.sha256 != digest:
        yield "content: it is not the one that was signed"


def _seal_of(line: bytes, published: object) -> AccessFileSeal | None:
    """Returns the payload of the last line's signature; None without a valid one, in exactly the form it is written."""
    try:
        signature = orjson.loads(line)["signature"]
        payload = verified_payload(signature, published, SIGNATURE_KIND)
        seal = AccessFileSeal.model_validate_json(payload)
    except (SignatureInvalidError, ValidationError, ValueError, TypeError, KeyError):
        return None
    return seal if line == orjson.dumps({"signature": signature}) + b"\n" and payload == _line(seal) else None


def _line(model: BaseModel) -> bytes:
    return model.model_dump_json().encode() + b"\n"
