"""Encrypts files for a public key whose private key is kept elsewhere, in the format of age (age-encryption.org/v1).

Those who make or move an archive cannot open it. Streams of any length pass in pieces of 64 KiB, each authenticated,
and nothing is written in clear text. Every program that reads age files opens an archive, too.
"""

from pathlib import Path
from typing import IO

import pyrage

from shared.errors import CodedError


class ArchiveKeyInvalidError(CodedError):
    """A file of public keys has lines `age1...`, a file of private keys lines `AGE-SECRET-KEY-1...`."""

    code = "archive-key-invalid"


class ArchiveUnreadableError(CodedError):
    """None of the private keys opens this archive, or it was altered or cut off."""

    code = "archive-unreadable"


class ArchiveUnwritableError(CodedError):
    """The archive could not be written to its end."""

    code = "archive-unwritable"


def new_private_key() -> pyrage.x25519.Identity:
    """Returns a new private key; its text form is secret."""
    return pyrage.x25519.Identity.generate()


def read_public_keys(file: Path) -> list[pyrage.x25519.Recipient]:
    """Returns the public keys in a file, one a line. Raises ArchiveKeyInvalidError, OSError."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(line) for line in _lines(file)]
    except (pyrage.RecipientError, UnicodeDecodeError) as error:
        raise ArchiveKeyInvalidError from error
    if not keys:
        raise ArchiveKeyInvalidError
    return keys


def read_private_keys(file: Path) -> list[pyrage.x25519.Identity]:
    """Returns the private keys in a file, one a line. Raises ArchiveKeyInvalidError, OSError."""
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in _lines(file)]
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise ArchiveKeyInvalidError from None  # the cause may quote the key
    if not keys:
        raise ArchiveKeyInvalidError
    return keys


def encrypt(source: IO[bytes], target: IO[bytes], keys: list[pyrage.x25519.Recipient]) -> None:
    """Encrypts a stream to its end, for each of these keys. Raises ArchiveUnwritableError."""
    try:
        pyrage.encrypt_io(source, target, keys)
        target.flush()
    except (pyrage.EncryptError, OSError) as error:
        raise ArchiveUnwritableError from error


def decrypt(source: IO[bytes], target: IO[bytes], keys: list[pyrage.x25519.Identity]) -> None:
    """Decrypts a stream to its end. What was written before an error is authentic but not whole.

    Raises ArchiveUnreadableError.
    """
    try:
        pyrage.decrypt_io(source, target, keys)
        target.flush()
    except (pyrage.DecryptError, OSError) as error:
        raise ArchiveUnreadableError from error


def _lines(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
