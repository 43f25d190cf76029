"""Activation codes: derived, readable, usable once.

A code is the HMAC-SHA-256, under the key of its batch, of the person's fingerprint and the attempt number. It is cut to
55 bits and written in Crockford's base32 as three groups of four; the last character is a check character (Luhn modulo
32). Because a code is derived, it can be printed again from the key of its batch alone; the database holds only a keyed
hash of it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.identity.kit.readable_codes import ALPHABET, CODE_LENGTH, check_character
from services.identity.kit.sealed_rows import Sealed, open_row, seal_row
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError
from shared.runtime import clock

CODE_LIFETIME: Final = timedelta(days=90)
"""How long a code sent by letter or mail can be used."""
_BITS = 5 * (CODE_LENGTH - 1)


class ActivationCodeWrongError(ForbiddenError):
    """This code does not open this person's account: it belongs to somebody else, was used, replaced or revoked, or is
    too old. Look at the latest letter, or ask for a new code."""

    code = "activation-code-wrong"
    french = (
        "Ce code n’ouvre pas le compte de cette personne : il est à quelqu’un d’autre, a été utilisé, remplacé ou "
        "révoqué, ou est trop ancien. Regardez le dernier courrier, ou demandez un nouveau code."
    )


@dataclass(frozen=True, slots=True, repr=False)
class CodeBatch:
    """A batch of codes derived from one key. `key`: 32 bytes, stored sealed."""

    id: UUID
    key: bytes

    def code(self, person: str, attempt: int) -> str:
        """Returns a person's code for this attempt, without hyphens. `person`: the fingerprint of their INS."""
        message = f"activation:{len(person)}:{person}:{attempt}".encode()
        digest = hmac.digest(self.key, message, hashlib.sha256)
        number = int.from_bytes(digest[:8], "big") >> (64 - _BITS)
        data = "".join(ALPHABET[number >> shift & 31] for shift in range(_BITS - 5, -1, -5))
        return data + check_character(data)

    def __repr__(self) -> str:
        return f"Wave({self.id})"


@dataclass(frozen=True, slots=True, repr=False)
class IssuedCode:
    """A code as it is stored. `person`: the fingerprint from which the code was derived."""

    record_id: UUID
    attempt: int
    wave_id: UUID
    person: str
    code_hash: str
    issued_at: datetime
    expires_at: datetime


def new_code_batch(wave_id: UUID, persons: Keyring) -> tuple[CodeBatch, Sealed]:
    """Returns a batch with a fresh random key, and that key sealed for storage."""
    key = secrets.token_bytes(32)
    return CodeBatch(wave_id, key), seal_row(persons, key, "activation-wave", wave_id)


def open_code_batch(wave_id: UUID, sealed: Sealed, persons: Keyring) -> CodeBatch:
    """Returns the batch whose sealed key `new_code_batch` produced."""
    return CodeBatch(wave_id, open_row(persons, sealed, "activation-wave", wave_id))


def reprinted_letter_id(printing: UUID, record_id: UUID, attempt: int) -> UUID:
    """Returns the request id of a reprinted letter, derived from its arguments: resuming an interrupted printing
    requests no letter twice."""
    return clock.hashed_id(printing.bytes + record_id.bytes + attempt.to_bytes(4, "big"))


def issued_code(
    wave: CodeBatch, lookups: Keyring, record_id: UUID, person: str, attempt: int, now: datetime
) -> IssuedCode:
    """Returns the row to store for the code of this attempt."""
    hashed = activation_code_hash(lookups, record_id, wave.code(person, attempt))
    return IssuedCode(record_id, attempt, wave.id, person, hashed, now, now + CODE_LIFETIME)


def activation_code_hash(lookups: Keyring, record_id: UUID, code: str) -> str:
    """Returns the keyed hash under which a code is stored."""
    return lookups.fingerprint("activation", str(record_id), code)


def activation_code_hashes(lookups: Keyring, record_id: UUID, code: str) -> list[str]:
    """Returns the keyed hashes of a code under every key of the ring, to look it up."""
    return lookups.fingerprints("activation", str(record_id), code)
