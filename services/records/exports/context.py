"""What the use cases of copies need."""

from dataclasses import dataclass

from services.records.facts.context import ReadContext
from shared.crypto.signatures import SignatureKeys


@dataclass(frozen=True, slots=True)
class ExportContext:
    """The pool, the vault, the matrices and the rules of reading; `keys` sign manifests."""

    read: ReadContext
    keys: SignatureKeys
