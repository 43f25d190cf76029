"""Decrypts contacts and requests, only when an alert is decided and when a message is checked or sent."""

from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notify.domain import Contact, Language, MessageContent, MessageRequest
from shared.contracts.base import sealed_place
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.errors import PermanentError

_STRICT = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
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


class SealUnusableError(PermanentError):
    """The request was not encrypted for notify, was altered, or carries the content of another request."""

    code = "request-seal-broken"


class RequestUnreadableError(PermanentError):
    """The decrypted request lacks a valid address, language or values for its channel."""

    code = "request-unreadable"


class _Mail(BaseModel):
    model_config = _STRICT
    mail: str


class _Mobile(BaseModel):
    model_config = _STRICT
    mobile: str


class _Postal(BaseModel):
    model_config = _STRICT
    address: tuple[str, ...] = Field(min_length=1)


class _RequestContent(BaseModel):
    model_config = _STRICT
    to: _Mail | _Mobile | _Postal
    language: Language
    values: dict[str, str] = {}


def decrypt_request(keyring: Keyring, request: MessageRequest, *, takes_unbound: bool = False) -> MessageContent:
    """Decrypts the content of a request. `takes_unbound`: accepts content that is not bound to any request.

    Raises KeyUnknownError if this process does not hold the key yet, SealUnusableError and RequestUnreadableError. No
    error quotes the content.
    """
    try:
        place = sealed_place("request", request.id)
        content = _RequestContent.model_validate_json(
            keyring.decrypt_jwe(request.sealed, place, takes_unbound=takes_unbound)
        )
    except KeyUnknownError:
        raise
    except SealBrokenError:
        raise SealUnusableError from None
    except ValidationError:
        raise RequestUnreadableError from None  # the cause quotes the plaintext
    match request.channel, content.to:
        case ("mail", _Mail(mail=to)) | ("sms", _Mobile(mobile=to)) | ("letter", _Postal(address=to)):
            return MessageContent(to, content.language, content.values)
        case _:
            raise RequestUnreadableError
