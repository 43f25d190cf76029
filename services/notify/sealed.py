"""Opening a contact: only when it is decided whether somebody is told, and when the message leaves."""

from typing import Any

import orjson

from services.notify.domain import Contact
from shared.crypto import Keyring
from shared.errors import PermanentError

_LANGUAGES, _RELATIONS = ("fr", "en"), ("holder", "representative")


class ContactUnreadableError(PermanentError):
    """The contact was sealed for us, but what it says is not a contact."""

    code = "contact-unreadable"


def open_contact(keyring: Keyring, sealed: str) -> Contact:
    """The contact. Raises SealBrokenError (a wrong key, or altered) and ContactUnreadableError."""
    try:
        said: Any = orjson.loads(keyring.open_sealed(sealed))
        mail, language, relation = said["mail"], said["language"], said["relation"]
    except (ValueError, KeyError, TypeError):
        raise ContactUnreadableError from None  # the cause quotes what was sealed
    if language not in _LANGUAGES or relation not in _RELATIONS or not (mail is None or isinstance(mail, str)):
        raise ContactUnreadableError
    return Contact(mail or None, language, relation)
