"""What the extraction of facts needs."""

from dataclasses import dataclass

from services.records.clinical_facts.adapters.extractor import Extractor
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault


@dataclass(frozen=True, slots=True)
class ExtractionContext:
    """The vault of keys, the ring of the fingerprints of identities, and who reads documents."""

    vault: Vault
    ins_hmac: Keyring
    extractor: Extractor
