"""What passes between a process of records and the one that reads documents: frames of a length and MessagePack."""

import struct
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from services.records.clinical_facts.domain.model import ExtractionOutcome
from shared.values import Ins, RedactedRepr, SentTraits

LENGTH: Final = struct.Struct(">I")
"""What stands before each frame: the number of its bytes."""
READY: Final = b"ready"
"""The first frame of the process."""


class ExtractionRequest(RedactedRepr, Struct, frozen=True, gc=False):
    """A document to read: its id, its media type and its bytes."""

    document_id: UUID
    content_type: str
    content: bytes


class ExtractionReply(RedactedRepr, Struct, frozen=True, gc=False, omit_defaults=True):
    """What was read: the outcome with its reason, encoded blocks by group, and whom the header names.

    `error`: the class of an error of the extractor and `place`, where it was raised; never its text.
    """

    outcome: ExtractionOutcome
    reason: str | None = None
    blocks: dict[str, bytes] = {}
    ins: tuple[Ins, ...] = ()
    traits: SentTraits = SentTraits()
    error: str | None = None
    place: str | None = None


ENCODER: Final = msgspec.msgpack.Encoder()
REQUESTS: Final = msgspec.msgpack.Decoder(ExtractionRequest)
REPLIES: Final = msgspec.msgpack.Decoder(ExtractionReply)


def frame(body: bytes) -> bytes:
    """Returns the body as a frame."""
    return LENGTH.pack(len(body)) + body
