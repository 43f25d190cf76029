"""Opening what was sealed for notify: only when it is decided whether somebody is told, and when the message leaves."""

from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notify.domain import Addressed, Contact, Language, Request
from shared.contracts.base import sealed_place
from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.errors import PermanentError

_STRICT = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
_LANGUAGES, _RELATIONS = ("fr", "en"), ("holder", "representative")


class ContactUnreadableError(PermanentError):
    """The contact was altered, is another record's, was sealed with another key of the same id, or is not a contact."""

    code = "contact-unreadable"


def open_contact(keyring: Keyring, record_id: UUID, sealed: str, *, takes_unbound: bool = False) -> Contact:
    """The contact of this record; `takes_unbound`: also one that is not bound to any.

    Raises KeyUnknownError where the key is not here yet, and ContactUnreadableError.
    """
    try:
        said: Any = orjson.loads(
            keyring.decrypt_jwe(sealed, sealed_place("contact", record_id), takes_unbound=takes_unbound)
        )
        mail, language, relation = said["mail"], said["language"], said["relation"]
        mobile = said.get("mobile")
    except KeyUnknownError:
        raise
    except (SealBrokenError, ValueError, KeyError, TypeError, AttributeError):
        raise ContactUnreadableError from None  # the cause quotes what was sealed
    texts = all(one is None or isinstance(one, str) for one in (mail, mobile))
    if language not in _LANGUAGES or relation not in _RELATIONS or not texts:
        raise ContactUnreadableError
    return Contact(mail or None, language, relation, mobile or None)


class SealUnusableError(PermanentError):
    """The request was not sealed for us, was altered, or is another one's."""

    code = "request-seal-broken"


class RequestUnreadableError(PermanentError):
    """The request was sealed for us, but what it says is not whom to tell what."""

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


class _Said(BaseModel):
    model_config = _STRICT
    to: _Mail | _Mobile | _Postal
    language: Language
    values: dict[str, str] = {}


def open_request(keyring: Keyring, request: Request, *, takes_unbound: bool = False) -> Addressed:
    """Whom to tell what by the request's channel; `takes_unbound`: also what is not bound to any request.

    Raises KeyUnknownError where the key is not here yet; SealUnusableError and RequestUnreadableError, which quote
    nothing.
    """
    try:
        place = sealed_place("request", request.id)
        said = _Said.model_validate_json(keyring.decrypt_jwe(request.sealed, place, takes_unbound=takes_unbound))
    except KeyUnknownError:
        raise
    except SealBrokenError:
        raise SealUnusableError from None
    except ValidationError:
        raise RequestUnreadableError from None  # the cause quotes what was sealed
    match request.channel, said.to:
        case ("mail", _Mail(mail=to)) | ("sms", _Mobile(mobile=to)) | ("letter", _Postal(address=to)):
            return Addressed(to, said.language, said.values)
        case _:
            raise RequestUnreadableError
