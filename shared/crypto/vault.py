"""Data keys, one per record, wrapped by a key-encryption key that is kept outside the databases and their backups.

AES-256-GCM (NIST SP 800-38D). Every sealed value is bound to its place (kind and id as additional data), so that it
cannot be moved to another one. Deleting the row of a record's key destroys everything sealed with it.
"""

from dataclasses import dataclass
from uuid import UUID

from shared.crypto.keyring import Keyring, new_data_key, seal, unseal


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A record's data key, encrypted under the key-encryption key `kid`."""

    kid: str
    wrapped: bytes


@dataclass(frozen=True, repr=False)
class Vault:
    """Makes, wraps and unwraps data keys."""

    kek: Keyring

    def new_key(self, record_id: UUID) -> WrappedKey:
        """Returns a new data key, wrapped under the active key-encryption key."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], new_data_key(), place("record-key", record_id)))

    def rewrap(self, record_id: UUID, key: WrappedKey) -> WrappedKey:
        """Returns the unchanged data key wrapped under the active key-encryption key. Raises SealBrokenError."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], self.unwrap(record_id, key), place("record-key", record_id)))

    def unwrap(self, record_id: UUID, key: WrappedKey) -> bytes:
        """Returns the data key in clear. Raises SealBrokenError."""
        return unseal(self.kek[key.kid], key.wrapped, place("record-key", record_id))


def place(kind: str, id: UUID) -> bytes:
    """Returns the additional data that binds sealed bytes to their place."""
    return kind.encode() + b":" + id.bytes
