"""The accounts of record holders: identifiers, second factors, and the parameters of password sign-in."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from services.identity.people.domain.contacts import Contact, MessageChannel, is_reachable
from services.identity.people.domain.persons import Person
from shared.crypto.keyring import Keyring
from shared.errors import ConflictError, ForbiddenError, InvalidError
from shared.values import normalise_name

SecondFactor = Literal["mail", "sms", "totp"]
SignInFactor = Literal["mail", "sms", "totp", "paper"]
"""Where the code of a sign-in comes from. `paper`: no address is on file, and a sheet of codes is."""
SECOND_FACTORS: tuple[SecondFactor, ...] = get_args(SecondFactor)
_IDENTIFIER = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]{3,254}")
_PERSONAL_NUMBER = re.compile(r"\d[\d ab]{11,14}", re.IGNORECASE | re.ASCII)


class IdentifierInvalidError(InvalidError):
    """An identifier has 3 to 254 characters without blanks, such as your mail address. Never use your social security
    number."""

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
    """This record already has an account. Sign in, or reset the password with a code sent to you (POST
    /password-resets)."""

    code = "account-exists"
    french = (
        "Ce dossier a déjà un compte. Connectez-vous, ou choisissez un nouveau mot de passe avec un code qui vous est "
        "envoyé."
    )


class AccountMissingError(ConflictError):
    """This record has no account yet. First create one with the code that was sent to you."""

    code = "account-missing"
    french = "Ce dossier n’a pas encore de compte. Créez-le d’abord, avec le code qui vous a été envoyé."


class SecondFactorInvalidError(InvalidError):
    """A code is sent by mail or sms (the address or number must be on file), or shown by an authenticator application
    (totp, enrolled first)."""

    code = "second-factor-invalid"
    french = (
        "Le code arrive par mail ou par SMS (l’adresse ou le numéro doit être connu), ou d’une application (à associer "
        "d’abord)."
    )


class CredentialsWrongError(ForbiddenError):
    """The identifier or the password is wrong. Try again, or reset the password with a code sent to you (POST
    /password-resets)."""

    code = "credentials-wrong"
    french = (
        "L’identifiant ou le mot de passe n’est pas le bon. Réessayez, ou choisissez un nouveau mot de passe avec un "
        "code qui vous est envoyé."
    )


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a record's holder. `totp_step` is the last time step (RFC 6238) whose code was used."""

    record_id: UUID
    password_hash: str
    second_factor: SecondFactor
    totp: Sealed | None
    totp_step: int


def lookup_keys(persons: Keyring) -> Keyring:
    """Returns the keyring that fingerprints identifiers, codes and addresses.

    It is derived from the keyring of persons, so that no key serves two purposes.
    """
    return Keyring(
        {kid: hmac.digest(key, b"identity.accounts.lookups", hashlib.sha256) for kid, key in persons.keys.items()}
    )


def normalise_identifier(identifier: str) -> str:
    """Returns the form in which identifiers are compared: NFKC, trimmed, case-folded."""
    return unicodedata.normalize("NFKC", identifier.strip()).casefold()


def check_identifier(identifier: str) -> str:
    """Returns the normalised form of a newly chosen identifier. Raises IdentifierInvalidError."""
    normalised = normalise_identifier(identifier)
    if _IDENTIFIER.fullmatch(normalised) is None or _PERSONAL_NUMBER.fullmatch(normalised):
        raise IdentifierInvalidError
    return normalised


def identifier_parts(normalised: str) -> tuple[str, str]:
    """Returns the parts that make the fingerprint of a normalised identifier."""
    return "identifier", normalised


def personal_words(person: Person, contact: Contact, identifier: str = "") -> tuple[str, ...]:
    """Returns the words that a password of this person must not contain.

    They are the person's names, mail, identifier, birth date and mobile number.
    """
    traits = person.traits
    names = normalise_name(f"{traits.birth_name or ''} {traits.given_name or ''}").split()
    year, month, day = (traits.birth_date or "--").split("-")
    dates = (year + month + day, day + month + year, day + month + year[2:]) if year else ()
    return (
        *names,
        (contact.mail or "").partition("@")[0],
        identifier.partition("@")[0],
        *dates,
        (contact.mobile or "")[-9:],
    )


def check_second_factor(second_factor: SecondFactor, contact: Contact) -> MessageChannel:
    """Returns the channel of a second factor that is sent. Raises SecondFactorInvalidError."""
    if second_factor == "totp" or not is_reachable(contact, second_factor):
        raise SecondFactorInvalidError
    return second_factor
