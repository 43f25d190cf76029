"""Decrypts the content of requests, only when a message is checked and when it is sent."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notify.kit.kinds import Language
from services.notify.messages.domain import MessageContent, MessageRequest
from shared.contracts.base import sealed_place
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.errors import PermanentError

_STRICT = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


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
