"""Decrypts contacts, only when an alert is decided."""

from typing import Any
from uuid import UUID

import orjson

from services.notify.contacts.domain import Contact
from shared.contracts.base import sealed_place
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.errors import PermanentError

_LANGUAGES, _RELATIONS = ("fr", "en"), ("holder", "representative")


class ContactUnreadableError(PermanentError):
    """The contact was altered, is another record's, was encrypted with another key of this id, or is malformed."""

    code = "contact-unreadable"


def decrypt_contact(keyring: Keyring, record_id: UUID, sealed: str, *, takes_unbound: bool = False) -> Contact:
    """Decrypts the contact of a record. `takes_unbound`: accepts a contact that is not bound to any record.

    Raises KeyUnknownError if this process does not hold the key yet, and ContactUnreadableError.
    """
    try:
        data: Any = orjson.loads(
            keyring.decrypt_jwe(sealed, sealed_place("contact", record_id), takes_unbound=takes_unbound)
        )
        mail, language, relation = data["mail"], data["language"], data["relation"]
        mobile = data.get("mobile")
    except KeyUnknownError:
        raise
    except (SealBrokenError, ValueError, KeyError, TypeError, AttributeError):
        raise ContactUnreadableError from None  # the cause quotes the plaintext
    are_texts = all(address is None or isinstance(address, str) for address in (mail, mobile))
    if language not in _LANGUAGES or relation not in _RELATIONS or not are_texts:
        raise ContactUnreadableError
    return Contact(mail or None, language, relation, mobile or None)
