"""The rules that a new password must meet, and its hashing (argon2id, RFC 9106).

There is no rule of composition; length and guessability decide. zxcvbn, offline, brings the lists of breached and
common passwords, names, words, keyboard rows and dates. A password that it would guess within 10^8 guesses is refused,
and so is one that contains the person's own name, mail or birth date.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from zxcvbn_rs_py import zxcvbn

from shared.errors import ForbiddenError, InvalidError

MIN_LENGTH, MAX_LENGTH = 12, 128
MIN_GUESSES_LOG10 = 8.0
MIN_PERSONAL_WORD = 4
MAX_ANALYSED = 72
"""How many characters are analysed for patterns; the analysis takes quadratic time."""


class PasswordLengthError(InvalidError):
    """A password has 12 to 128 characters. Several words that only you would combine are easy to remember."""

    code = "password-length"
    french = (
        "Un mot de passe compte de 12 à 128 caractères. Plusieurs mots que personne d’autre n’associerait "
        "se retiennent bien."
    )


class PasswordWeakError(InvalidError):
    """This password is easy to guess. Choose several words that have nothing to do with each other."""

    code = "password-weak"
    french = (
        "Ce mot de passe est parmi les premiers que l’on essaierait. Choisissez-en un autre : plusieurs mots sans "
        "rapport entre eux."
    )


class PasswordPersonalError(InvalidError):
    """This password contains your name, your mail address or your birth date. Choose one that says nothing about
    you."""

    code = "password-personal"
    french = (
        "Ce mot de passe contient votre nom, votre adresse ou votre date de naissance. Choisissez-en un qui ne dit "
        "rien de vous."
    )


class PasswordWrongError(ForbiddenError):
    """The password is wrong. Try again, or reset it with a code sent to you (POST /password-resets)."""

    code = "password-wrong"
    french = (
        "Le mot de passe n’est pas le bon. Réessayez, ou choisissez-en un nouveau avec un code qui vous est envoyé."
    )


class PasswordNeededError(ForbiddenError):
    """Send your password again to confirm this action."""

    code = "password-needed"
    french = "Pour cela, donnez une nouvelle fois votre mot de passe."


@dataclass(frozen=True, slots=True)
class Argon2Hasher:
    """Hashes passwords with argon2id. One call takes tens of milliseconds of CPU time, so run it in a thread."""

    memory_kib: int = 19456
    passes: int = 2
    lanes: int = 1
    _decoy: list[str] = field(default_factory=list, repr=False, compare=False)

    def hash(self, password: str) -> str:
        """Returns the encoded hash of a normalised password, with its salt and parameters."""
        return self._hasher().hash(password)

    def check(self, stored_hash: str | None, password: str) -> Literal["right", "stale", "wrong"]:
        """Compares a password with a hash. `stale`: it is right, but the hash was made with other parameters.

        Without a hash the result is `wrong`, after the same amount of work.
        """
        try:
            self._hasher().verify(stored_hash or self.decoy(), password)
        except (Argon2Error, InvalidHashError):
            return "wrong"
        if stored_hash is None:
            return "wrong"
        return "stale" if self._hasher().check_needs_rehash(stored_hash) else "right"

    def decoy(self) -> str:
        """Returns a hash with these parameters that belongs to no account. It is computed once."""
        if not self._decoy:
            self._decoy.append(self.hash("decoy"))
        return self._decoy[0]

    def _hasher(self) -> PasswordHasher:
        return PasswordHasher(self.passes, self.memory_kib, self.lanes)


def normalise_password(password: str) -> str:
    """Returns the form that is hashed (NFKC), which does not depend on the keyboard or system."""
    return unicodedata.normalize("NFKC", password)


def check_length(password: str) -> None:
    """Raises PasswordLengthError unless the password has 12 to 128 characters."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordLengthError


def check_password(password: str, personal: Iterable[str] = ()) -> None:
    """Checks a new normalised password. `personal`: words about the person. Takes up to 20 ms.

    Raises PasswordLengthError, PasswordWeakError, PasswordPersonalError.
    """
    check_length(password)
    if zxcvbn(password[:MAX_ANALYSED]).guesses_log10 < MIN_GUESSES_LOG10:
        raise PasswordWeakError
    folded = _folded(password)
    if any(word in folded for word in map(_folded, personal) if len(word) >= MIN_PERSONAL_WORD):
        raise PasswordPersonalError


def _folded(text: str) -> str:
    """Returns only the letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())
