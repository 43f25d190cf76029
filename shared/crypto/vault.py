"""Data keys, one per record, wrapped by a key-encryption key that is kept outside the databases and their backups.

AES-256-GCM (NIST SP 800-38D). Every seal is bound to its place (kind and id as additional data): no sealed bytes
can be put in the place of others. Destroying the row of a record's key destroys all that was sealed under it.
"""

from dataclasses import dataclass
from uuid import UUID

from shared.crypto.keyring import Keyring, new_data_key, seal, unseal


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A record's data key under the key-encryption key `kid`."""

    kid: str
    wrapped: bytes


@dataclass(frozen=True, repr=False)
class Vault:
    """Makes, wraps and unwraps data keys."""

    kek: Keyring

    def new_key(self, record_id: UUID) -> WrappedKey:
        """A fresh data key, wrapped under the active key-encryption key."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], new_data_key(), place("record-key", record_id)))

    def rewrap(self, record_id: UUID, key: WrappedKey) -> WrappedKey:
        """The same data key under the active key-encryption key. Raises SealBrokenError."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], self.unwrap(record_id, key), place("record-key", record_id)))

    def unwrap(self, record_id: UUID, key: WrappedKey) -> bytes:
        """The data key. Raises SealBrokenError."""
        return unseal(self.kek[key.kid], key.wrapped, place("record-key", record_id))


def place(kind: str, id: UUID) -> bytes:
    """What binds sealed bytes to where they belong."""
    return kind.encode() + b":" + id.bytes
