"""Motives of emergencies: identity encrypts them for audit, and audit stores them under the record's own key.

The ledger is never altered: once the key of a record is destroyed, its motives can no longer be read.
"""

import base64
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.audit import MOTIVE
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError, seal, unseal
from shared.crypto.vault import Vault, WrappedKey, place


@dataclass(frozen=True, repr=False)
class MotiveVault:
    """Opens and stores motives. `transport_keys`: the keyring shared with identity; `vault`: makes and opens the
    records' keys."""

    transport_keys: Keyring
    vault: Vault

    def reseal(self, key: bytes, event_id: UUID, sent: str) -> str | None:
        """Returns a motive encrypted under the record's key, base64; None if nobody can ever decrypt what identity
        sent.

        Raises KeyUnknownError if audit does not have identity's key yet.
        """
        try:
            plain = self.transport_keys.decrypt_jwe(
                sent, MOTIVE, takes_unbound=True
            )  # some of former releases still wait
        except KeyUnknownError:
            raise
        except SealBrokenError:
            return None
        return base64.b64encode(seal(key, plain, place("motive", event_id))).decode()

    def open(self, record_id: UUID, wrapped: WrappedKey, event_id: UUID, kept: str) -> str:
        """Returns the motive in plain text. Raises SealBrokenError."""
        key = self.vault.unwrap(record_id, wrapped)
        return unseal(key, base64.b64decode(kept), place("motive", event_id)).decode()
