"""Encodes the facts of a document version and group as a block, the unit in which they are sealed and stored.

A block is `{"format": 1, "facts": [...], "text_only": 3}` in JSON, members with their default value left out. Within a
format only optional members and kinds of facts are added. A reader ignores members that it does not know; facts with a
kind, a status or a form of value that it does not know are counted, so that nothing takes them for absent.
"""

import hashlib
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact, FactGroup, FactKind
from shared.errors import PermanentError
from shared.runtime import clock
from shared.values import RedactedRepr

FORMAT: Final = 1


class FactBlockInvalidError(PermanentError):
    """The block of facts is of a newer format, or no block."""

    code = "fact-block-invalid"


class FactBlock(RedactedRepr, Struct, frozen=True, gc=False):
    """Decoded facts, in the order of the document.

    `unread`: the number of those that this release cannot read. `text_only`: in the block of the summary, the number of
    statements of the document that are no facts.
    """

    facts: tuple[ClinicalFact, ...]
    unread: int = 0
    text_only: int = 0


class _Block(Struct, gc=False, omit_defaults=True):
    format: int
    facts: tuple[ClinicalFact, ...]
    text_only: int = 0


class _RawBlock(Struct, gc=False):
    format: int
    facts: tuple[msgspec.Raw, ...]
    text_only: int = 0


_ENCODER: Final = msgspec.json.Encoder()
_BLOCK: Final = msgspec.json.Decoder(_Block)
_RAW_BLOCK: Final = msgspec.json.Decoder(_RawBlock)
_FACT: Final = msgspec.json.Decoder(ClinicalFact)


def fact_id(version_id: UUID, entry: str, kind: FactKind) -> UUID:
    """Returns the id of a fact of a document version: a UUIDv8 with the version's millisecond and bucket."""
    digest = hashlib.sha256(b"\0".join((version_id.bytes, entry.encode(), kind.encode()))).digest()
    return clock.uuid8(clock.millisecond_of(version_id), digest[: clock.RANDOM_BYTES], clock.bucket_in(version_id))


def by_group(facts: Iterable[ClinicalFact]) -> dict[FactGroup, list[ClinicalFact]]:
    """Returns the facts by the group whose block they belong to, in their order; groups without facts are missing."""
    groups: dict[FactGroup, list[ClinicalFact]] = {}
    for fact in facts:
        groups.setdefault(fact.group, []).append(fact)
    return groups


def encode_block(facts: Iterable[ClinicalFact], *, text_only: int = 0) -> bytes:
    """Returns the block of these facts as JSON in UTF-8. `text_only`: see `FactBlock`."""
    return _ENCODER.encode(_Block(FORMAT, tuple(facts), text_only))


def decode_block(block: bytes) -> FactBlock:
    """Returns the facts of a block. Raises FactBlockInvalidError."""
    try:
        whole = _BLOCK.decode(block)
    except msgspec.MsgspecError:
        return _decode_singly(block)
    if whole.format > FORMAT:
        raise FactBlockInvalidError
    return FactBlock(whole.facts, text_only=whole.text_only)


def _decode_singly(block: bytes) -> FactBlock:
    try:
        raw = _RAW_BLOCK.decode(block)
    except msgspec.MsgspecError as error:
        raise FactBlockInvalidError from error
    if raw.format > FORMAT:
        raise FactBlockInvalidError
    facts = []
    for encoded in raw.facts:
        try:
            facts.append(_FACT.decode(encoded))
        except msgspec.ValidationError:
            continue
    return FactBlock(tuple(facts), len(raw.facts) - len(facts), raw.text_only)
