"""Accounts: who somebody says to be, how they prove it, and the parameters of all of this."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args
from uuid import UUID

from services.identity.domain.hash_queue import HashQueue
from services.identity.domain.opening import Contact, Person
from services.identity.domain.passwords import Hasher
from services.identity.domain.sealing import Sealed
from shared.crypto.keyring import Keyring
from shared.errors import ConflictError, ForbiddenError, InvalidError
from shared.values import normalise_name

SecondFactor = Literal["mail", "sms", "totp"]
SECOND_FACTORS: tuple[SecondFactor, ...] = get_args(SecondFactor)
_IDENTIFIER = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]{3,254}")
_PERSONAL_NUMBER = re.compile(r"\d[\d ab]{11,14}", re.IGNORECASE)


class IdentifierInvalidError(InvalidError):
    """An identifier has 3 to 254 characters without blanks, such as your mail address. Never use your social
    security number."""

    code = "identifier-invalid"
    french = (
        "Un identifiant compte de 3 à 254 caractères sans espace, par exemple votre adresse mail. N’utilisez jamais "
        "votre numéro de sécurité sociale."
    )


class IdentifierTakenError(ConflictError):
    """This identifier cannot be used. Choose another, or sign in."""

    code = "identifier-taken"
    french = "Cet identifiant ne peut pas être utilisé. Choisissez-en un autre, ou connectez-vous."


class AccountExistsError(ConflictError):
    """This record has an account. Sign in, or set a new password with a code sent to you (POST /password-resets)."""

    code = "account-exists"
    french = (
        "Ce dossier a déjà un compte. Connectez-vous, ou choisissez un nouveau mot de passe avec un code qui vous est "
        "envoyé."
    )


class AccountMissingError(ConflictError):
    """This record has no account yet. Create one first, with the code that was sent to you."""

    code = "account-missing"
    french = "Ce dossier n’a pas encore de compte. Créez-le d’abord, avec le code qui vous a été envoyé."


class SecondFactorInvalidError(InvalidError):
    """A code comes by mail, by sms (both need to be on file), or from an application (totp, to be enrolled first)."""

    code = "second-factor-invalid"
    french = (
        "Le code arrive par mail ou par SMS (l’adresse ou le numéro doit être connu), ou d’une application (à associer "
        "d’abord)."
    )


class CredentialsWrongError(ForbiddenError):
    """The identifier or the password is not right. Try again, or set a new password with a code sent to you
    (POST /password-resets)."""

    code = "credentials-wrong"
    french = (
        "L’identifiant ou le mot de passe n’est pas le bon. Réessayez, ou choisissez un nouveau mot de passe avec un "
        "code qui vous est envoyé."
    )


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a record's holder."""

    record_id: UUID
    password_hash: str
    second_factor: SecondFactor
    totp: Sealed | None
    totp_step: int


@dataclass(frozen=True)
class AccountRules:
    """How accounts are kept here: `context.accounts` of the API. `lookups` finds what is chosen or sent."""

    lookups: Keyring
    hasher: Hasher = field(default_factory=Hasher)
    hashes: HashQueue = field(default_factory=HashQueue)
    refusal_s: float = 0.5
    code_lifetime: timedelta = timedelta(minutes=10)
    session_idle: timedelta = timedelta(days=1)
    session_life: timedelta = timedelta(days=30)
    app_name: str = "Dossier médical"


def lookup_keys(persons: Keyring) -> Keyring:
    """The ring that fingerprints identifiers, codes and addresses: derived, so that no key serves two purposes."""
    return Keyring(
        {kid: hmac.digest(key, b"identity.accounts.lookups", hashlib.sha256) for kid, key in persons.keys.items()}
    )


def normalise_identifier(identifier: str) -> str:
    """The one form that is compared."""
    return unicodedata.normalize("NFKC", identifier.strip()).casefold()


def check_identifier(identifier: str) -> str:
    """The normalised form of an identifier that is to be one. Raises IdentifierInvalidError."""
    normalised = normalise_identifier(identifier)
    if _IDENTIFIER.fullmatch(normalised) is None or _PERSONAL_NUMBER.fullmatch(normalised):
        raise IdentifierInvalidError
    return normalised


def identifier_parts(normalised: str) -> tuple[str, str]:
    """What is fingerprinted of an identifier."""
    return "identifier", normalised


def own_words(person: Person, told: Contact, identifier: str = "") -> tuple[str, ...]:
    """What a password of this person may not hold."""
    traits = person.traits
    names = normalise_name(f"{traits.birth_name or ''} {traits.given_name or ''}").split()
    year, month, day = (traits.birth_date or "--").split("-")
    dates = (year + month + day, day + month + year, day + month + year[2:]) if year else ()
    return (*names, (told.mail or "").partition("@")[0], identifier.partition("@")[0], *dates, (told.mobile or "")[-9:])
