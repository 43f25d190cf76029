"""Passwords: what may be one, and how it is kept (argon2id, RFC 9106).

No rule of composition: length, and what an attacker would try first. The list of breached and common passwords, of
names, words, keyboard rows and dates is that of zxcvbn, offline; a password that it would find within 10^8 guesses is
refused, and so is one that holds the person's own name, mail or birth date.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from zxcvbn_rs_py import zxcvbn

from shared.errors import ForbiddenError, InvalidError

SHORTEST, LONGEST = 12, 128
FEWEST_GUESSES_LOG10 = 8.0
SHORTEST_OWN_WORD = 4
LOOKED_AT = 72
"""Characters that are searched for patterns: the search is quadratic."""


class PasswordLengthError(InvalidError):
    """A password has 12 to 128 characters. Several words that only you would put together are easy to remember."""

    code = "password-length"
    french = (
        "Un mot de passe compte de 12 à 128 caractères. Plusieurs mots que vous seul associeriez se retiennent bien."
    )


class PasswordWeakError(InvalidError):
    """This password is among the first that somebody would try. Choose several words that do not go together."""

    code = "password-weak"
    french = (
        "Ce mot de passe est parmi les premiers que l’on essaierait. Choisissez-en un autre : plusieurs mots sans "
        "rapport entre eux."
    )


class PasswordPersonalError(InvalidError):
    """This password holds your name, your mail address or your birth date. Choose one that says nothing about you."""

    code = "password-personal"
    french = (
        "Ce mot de passe contient votre nom, votre adresse ou votre date de naissance. Choisissez-en un qui ne dit "
        "rien de vous."
    )


class PasswordWrongError(ForbiddenError):
    """The password is not right. Try again, or set a new one with a code sent to you (POST /password-resets)."""

    code = "password-wrong"
    french = (
        "Le mot de passe n’est pas le bon. Réessayez, ou choisissez-en un nouveau avec un code qui vous est envoyé."
    )


class PasswordNeededError(ForbiddenError):
    """For this, send your password once more."""

    code = "password-needed"
    french = "Pour cela, donnez une nouvelle fois votre mot de passe."


@dataclass(frozen=True, slots=True)
class Hasher:
    """argon2id under given parameters. One call takes tens of milliseconds of a processor: run it in a thread."""

    memory_kib: int = 19456
    passes: int = 2
    lanes: int = 1
    _decoy: list[str] = field(default_factory=list, repr=False, compare=False)

    def hash(self, password: str) -> str:
        """The encoded hash of a normalised password, with its salt and parameters."""
        return self._hasher().hash(password)

    def check(self, kept: str | None, password: str) -> Literal["right", "stale", "wrong"]:
        """`stale`: right, but kept under other parameters. Without a hash the same work is done, and it is wrong."""
        try:
            self._hasher().verify(kept or self.decoy(), password)
        except (Argon2Error, InvalidHashError):
            return "wrong"
        if kept is None:
            return "wrong"
        return "stale" if self._hasher().check_needs_rehash(kept) else "right"

    def decoy(self) -> str:
        """A hash of these parameters that no account has; made once, at the start."""
        if not self._decoy:
            self._decoy.append(self.hash("decoy"))
        return self._decoy[0]

    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(self.passes, self.memory_kib, self.lanes)


def normalise_password(password: str) -> str:
    """The one form that is hashed: the same keys on another keyboard or system give the same password."""
    return unicodedata.normalize("NFKC", password)


def check_length(password: str) -> None:
    """Raises PasswordLengthError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordLengthError


def check_password(password: str, own: Iterable[str] = ()) -> None:
    """A normalised password that is to be one; `own`: words about the person. Takes up to 20 ms.

    Raises PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    check_length(password)
    if zxcvbn(password[:LOOKED_AT]).guesses_log10 < FEWEST_GUESSES_LOG10:
        raise PasswordWeakError
    folded = _folded(password)
    if any(word in folded for word in map(_folded, own) if len(word) >= SHORTEST_OWN_WORD):
        raise PasswordPersonalError


def _folded(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
