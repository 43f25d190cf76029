"""What the extraction of facts needs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from services.records.clinical_facts.adapters.extractor import Extractor
from services.records.clinical_facts.domain.swaps import FactSwap
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Connection

OnSwap = Callable[[Connection, Sequence[FactSwap]], Awaitable[None]]
"""Acts on facts that are about to be replaced, in the transaction that replaces them."""


async def ignore_swaps(_: Connection, __: Sequence[FactSwap]) -> None:
    """The default where nothing rests on facts."""


@dataclass(frozen=True, slots=True)
class ExtractionContext:
    """The vault of keys, the ring of the fingerprints of identities, who reads documents, and who acts where what was
    read before is replaced."""

    vault: Vault
    ins_hmac: Keyring
    extractor: Extractor
    on_swap: OnSwap = ignore_swaps
