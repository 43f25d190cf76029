"""What a médecin traitant signed in a version of the sheet: a block beside the document, sealed as its content is.

A signed line never changes: it holds the fact as the doctor read it. The block is `{"format": 1, ...}` in JSON; within
a format only optional members are added.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.summary.domain.sheet import Chapter
from shared.crypto.keyring import unseal
from shared.crypto.vault import place
from shared.errors import InvalidError
from shared.values import RedactedRepr

FORMAT: Final = 1
SignedAction = Literal["confirmed", "stated", "rejected"]


class SignatureBlockInvalidError(InvalidError):
    """What the doctor signed is of a newer format, or no such block."""

    code = "signature-block-invalid"
    french = "Ce que le médecin a signé est d’un format plus récent, ou n’est pas un tel bloc."


class SignedLine(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """A line that the doctor confirmed, stated or rejected at the moment `at`.

    `fact`: as it was then. `document_id`: the version that a confirmed line cites. `sources`: the versions that stated
    the line when it was rejected; another one brings it back.
    """

    action: SignedAction
    chapter: Chapter
    fact: ClinicalFact
    at: datetime
    document_id: UUID | None = None
    sources: tuple[UUID, ...] = ()
    reason: str | None = None
    where: str | None = None


class SignedBlock(RedactedRepr, Struct, frozen=True, omit_defaults=True, gc=False):
    """All lines of a version. `doctor`: the name that the version shows; `version`: its number in the chain."""

    format: int
    doctor: str
    lines: tuple[SignedLine, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class SignedVersion(RedactedRepr):
    """The current version of a doctor's chain, as its reader may use it.

    `ended_at`: when the doctor's status ended, None: it lasts. `readable`: the documents that it cites and the reader
    may read. `is_shown`: whether the rules show the version itself to the reader, whatever it cites.
    """

    document_id: UUID
    record_id: UUID
    doctor_id: str
    block: SignedBlock
    is_holder: bool
    ended_at: datetime | None = None
    readable: frozenset[UUID] = field(default_factory=frozenset)
    is_shown: bool = True


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SignedBlock)


def encode_signatures(block: SignedBlock) -> bytes:
    """Returns a block as JSON; deposits seal it beside the version."""
    return _ENCODER.encode(block)


def open_signatures(key: bytes, document_id: UUID, sealed: bytes) -> SignedBlock:
    """Returns a block from its sealed bytes. Raises SealBrokenError, SignatureBlockInvalidError."""
    try:
        block = _DECODER.decode(unseal(key, sealed, place("signatures", document_id)))
    except msgspec.MsgspecError as error:
        raise SignatureBlockInvalidError from error
    if block.format > FORMAT:
        raise SignatureBlockInvalidError
    return block


def cited_documents(lines: Iterable[SignedLine]) -> list[UUID]:
    """Returns the document versions that the lines of a version cite, sorted."""
    return sorted({line.document_id for line in lines if line.document_id is not None})
