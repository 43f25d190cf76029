"""How what is readable of a person is kept: AES-256-GCM under a keyring, bound to the row it stands in."""

from dataclasses import dataclass
from uuid import UUID

from shared.crypto.keyring import Keyring


@dataclass(frozen=True)
class Keyrings:
    """`ins`: fingerprints; `contacts`: what notify opens; `persons`: this service's own rows."""

    ins: Keyring
    contacts: Keyring
    persons: Keyring


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sealed bytes and the id of their key."""

    key_id: str
    data: bytes


def seal_row(keyring: Keyring, plain: bytes, kind: str, row_id: UUID) -> Sealed:
    """Under a key of the row's own, derived from the active key."""
    return Sealed(keyring.active, keyring.seal(plain, _context(kind, row_id)))


def open_row(keyring: Keyring, sealed: Sealed, kind: str, row_id: UUID) -> bytes:
    """Raises SealBrokenError when the bytes were altered or moved to another row."""
    return keyring.unseal(sealed.key_id, sealed.data, _context(kind, row_id))


def _context(kind: str, row_id: UUID) -> bytes:
    return f"identity.{kind}:{row_id}".encode()
