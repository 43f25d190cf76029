"""Encrypts personal data in database rows: AES-256-GCM under a keyring, bound to the row."""

from dataclasses import dataclass
from uuid import UUID

from shared.crypto.keyring import Keyring


@dataclass(frozen=True)
class Keyrings:
    """The keyrings of identity.

    `ins`: fingerprints of INS; `contacts`: data sealed for notify; `people_to_call`: lists sealed for records;
    `persons`: identity's own rows.
    """

    ins: Keyring
    contacts: Keyring
    people_to_call: Keyring
    persons: Keyring


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sealed bytes and the id of the key that sealed them."""

    key_id: str
    data: bytes


def seal_row(keyring: Keyring, plain: bytes, kind: str, row_id: UUID) -> Sealed:
    """Seals data under a key of its row, derived from the keyring's active key."""
    return Sealed(keyring.active, keyring.seal(plain, _context(kind, row_id)))


def open_row(keyring: Keyring, sealed: Sealed, kind: str, row_id: UUID) -> bytes:
    """Returns the plain bytes. Raises SealBrokenError when they were altered or moved to another row."""
    return keyring.unseal(sealed.key_id, sealed.data, _context(kind, row_id))


def _context(kind: str, row_id: UUID) -> bytes:
    return f"identity.{kind}:{row_id}".encode()
