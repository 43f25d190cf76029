"""Motives of emergencies: identity seals them for audit, audit keeps them under the record's own key.

The ledger is never altered; once the record's key is destroyed, no motive of it can be read any more.
"""

import base64
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.audit import MOTIVE
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError, seal, unseal
from shared.crypto.vault import Vault, WrappedKey, place


@dataclass(frozen=True, repr=False)
class Motives:
    """`sent`: the keyring shared with identity; `vault`: makes and opens the records' keys."""

    sent: Keyring
    vault: Vault

    def kept(self, key: bytes, event_id: UUID, sent: str) -> str | None:
        """What the entry keeps of a motive, base64; None where nobody can ever open what was sent.

        Raises KeyUnknownError where the key is not here yet.
        """
        try:
            plain = self.sent.decrypt_jwe(sent, MOTIVE, takes_unbound=True)  # those of former releases still wait
        except KeyUnknownError:
            raise
        except SealBrokenError:
            return None
        return base64.b64encode(seal(key, plain, place("motive", event_id))).decode()

    def opened(self, record_id: UUID, wrapped: WrappedKey, event_id: UUID, kept: str) -> str:
        """The motive again. Raises SealBrokenError."""
        key = self.vault.unwrap(record_id, wrapped)
        return unseal(key, base64.b64decode(kept), place("motive", event_id)).decode()
