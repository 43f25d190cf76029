"""Motives: identity encrypts those of emergencies for audit, records the reasons of acknowledgements; audit stores them
under the record's own key.

The ledger is never altered: once the key of a record is destroyed, its motives can no longer be read.
"""

import base64
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.audit import MOTIVE
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError, seal, unseal
from shared.crypto.vault import Vault, WrappedKey, place


def transport_keys(*rings: str | None) -> Keyring:
    """Returns the keys of all senders as one ring; no kid stands for two keys (the settings see to that)."""
    parsed = [Keyring.parse(ring).keys for ring in rings if ring is not None]
    return Keyring({kid: key for keys in parsed for kid, key in keys.items()})


@dataclass(frozen=True, repr=False)
class MotiveVault:
    """Opens and stores motives.

    `transport_keys`: the keys shared with identity and with records; `vault`: makes and opens the records' keys.
    """

    transport_keys: Keyring
    vault: Vault

    def reseal(self, key: bytes, event_id: UUID, sent: str) -> str | None:
        """Returns a motive encrypted under the record's key, in base64; None if it can never be decrypted.

        Raises KeyUnknownError if audit does not have the sender's key yet.
        """
        try:
            plain = self.transport_keys.decrypt_jwe(
                sent, MOTIVE, takes_unbound=True
            )  # motives that former releases sent may still be stored
        except KeyUnknownError:
            raise
        except SealBrokenError:
            return None
        return base64.b64encode(seal(key, plain, place("motive", event_id))).decode()

    def open(self, record_id: UUID, wrapped: WrappedKey, event_id: UUID, kept: str) -> str:
        """Returns the motive in plain text. Raises SealBrokenError."""
        key = self.vault.unwrap(record_id, wrapped)
        return unseal(key, base64.b64decode(kept), place("motive", event_id)).decode()
