"""Data keys, one per record or organisation, wrapped by a key-encryption key.

That key is kept outside the databases and their backups.

AES-256-GCM (NIST SP 800-38D). Every sealed value is bound to its place (kind and id as additional data), so that it
cannot be moved to another one. Deleting the row of a data key destroys everything sealed with it.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.crypto.keyring import Keyring, new_data_key, seal, unseal

RECORD_KEY: Final = "record-key"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key, encrypted under the key-encryption key `kid`."""

    kid: str
    wrapped: bytes


@dataclass(frozen=True, repr=False)
class Vault:
    """Makes, wraps and unwraps data keys. `kind`: the kind of key, to which with its owner's id each one is bound."""

    kek: Keyring
    kind: str = RECORD_KEY

    def new_key(self, owner_id: UUID) -> WrappedKey:
        """Returns a new data key, wrapped under the active key-encryption key."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], new_data_key(), place(self.kind, owner_id)))

    def rewrap(self, owner_id: UUID, key: WrappedKey) -> WrappedKey:
        """Returns the unchanged data key wrapped under the active key-encryption key. Raises SealBrokenError."""
        kid = self.kek.active
        return WrappedKey(kid, seal(self.kek[kid], self.unwrap(owner_id, key), place(self.kind, owner_id)))

    def unwrap(self, owner_id: UUID, key: WrappedKey) -> bytes:
        """Returns the data key in clear. Raises SealBrokenError."""
        return unseal(self.kek[key.kid], key.wrapped, place(self.kind, owner_id))


def place(kind: str, id: UUID) -> bytes:
    """Returns the additional data that binds sealed bytes to their place."""
    return kind.encode() + b":" + id.bytes
