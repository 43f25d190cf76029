"""Contacts of persons, and requests for messages to them: identity sends kind and values, notify has the texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, cast
from uuid import UUID

import orjson

from services.identity.kit.sealed_rows import Keyrings
from shared.contracts.base import sealed_place
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.errors import ConflictError, InvalidError
from shared.mail_addresses import mail_address
from shared.telephones import mobile_number
from shared.values import RedactedRepr

MessageChannel = Literal["mail", "sms"]
LANGUAGES = ("fr", "en")
RELATIONS = ("holder", "representative")


class MailInvalidError(InvalidError):
    """This is not a mail address that can be written to: name@domain, the name in ASCII, at most 254 characters."""

    code = "mail-invalid"
    french = "Ce n’est pas une adresse de courriel : nom@domaine, le nom en ASCII, 254 caractères au plus."


class LanguageUnknownError(InvalidError):
    """The language is fr or en."""

    code = "language-unknown"
    french = "La langue est fr ou en."


class RelationUnknownError(InvalidError):
    """The relation of the contact is holder or representative."""

    code = "relation-unknown"
    french = "Le lien du contact est holder ou representative."


class MobileInvalidError(InvalidError):
    """This is not a mobile number that can receive messages: +33 6 12 34 56 78, or 06 12 34 56 78 for France."""

    code = "mobile-invalid"
    french = "Ce n’est pas un numéro de mobile joignable : +33 6 12 34 56 78, ou 06 12 34 56 78 pour la France."


class ContactChangeInvalidError(InvalidError):
    """Give one new mail address or one new mobile number that differs from the one on file."""

    code = "contact-change-invalid"
    french = "Donnez une nouvelle adresse mail ou un nouveau numéro de mobile, différent de celui qui est connu."


class ContactMissingError(ConflictError):
    """No mail address and no mobile number is on file to send a code to. Ask a pharmacist, a doctor or your insurance
    fund to enter one."""

    code = "contact-missing"
    french = (
        "Aucune adresse mail ni aucun numéro de mobile n’est connu pour envoyer un code. Demandez à une "
        "pharmacie, à votre médecin ou à votre caisse d’assurance maladie d’en inscrire."
    )


@dataclass(frozen=True, slots=True, repr=False)
class Contact(RedactedRepr):
    """A person's addresses and language for messages."""

    mail: str | None
    language: Literal["fr", "en"]
    relation: Literal["holder", "representative"]
    mobile: str | None = None

    def as_json(self) -> bytes:
        """Returns the JSON that is sealed, at rest and for notify (`ContactChanged`). `mobile` is present only if
        known."""
        mobile = {} if self.mobile is None else {"mobile": self.mobile}
        return orjson.dumps({"mail": self.mail, "language": self.language, "relation": self.relation, **mobile})

    @classmethod
    def from_json(cls, data: bytes) -> "Contact":
        """Returns the contact that `as_json` encoded."""
        document = orjson.loads(data)
        return cls(document["mail"], document["language"], document["relation"], document.get("mobile"))


def checked_contact(mail: str | None, language: str, relation: str) -> Contact:
    """Returns the contact. Raises MailInvalidError, LanguageUnknownError, RelationUnknownError."""
    address = None if mail is None else mail_address(mail)
    if mail is not None and address is None:
        raise MailInvalidError
    if language not in LANGUAGES:
        raise LanguageUnknownError
    if relation not in RELATIONS:
        raise RelationUnknownError
    return Contact(address, cast(Literal["fr", "en"], language), cast(Literal["holder", "representative"], relation))


def checked_mobile(text: str) -> str:
    """Returns the number as E.164. Raises MobileInvalidError."""
    number = mobile_number(text)
    if number is None:
        raise MobileInvalidError
    return number


def changed_contact(current: Contact, mail: str | None, mobile: str | None) -> Contact:
    """Returns the contact with either its mail address or its mobile number replaced.

    Raises ContactChangeInvalidError, MailInvalidError, MobileInvalidError.
    """
    if (mail is None) == (mobile is None):
        raise ContactChangeInvalidError
    if mail is not None:
        new = replace(current, mail=checked_contact(mail, current.language, current.relation).mail)
    else:
        new = replace(current, mobile=checked_mobile(mobile or ""))
    if new == current:
        raise ContactChangeInvalidError
    return new


def is_reachable(contact: Contact, channel: MessageChannel) -> bool:
    """Returns whether the contact has an address for this channel."""
    return (contact.mail if channel == "mail" else contact.mobile) is not None


def first_reachable_channel(contact: Contact, *preferred: MessageChannel) -> MessageChannel:
    """Returns the first channel for which the contact has an address. Raises ContactMissingError."""
    channels: tuple[MessageChannel, ...] = (*preferred, "mail", "sms")
    for channel in channels:
        if is_reachable(contact, channel):
            return channel
    raise ContactMissingError


def seal_contact(keyrings: Keyrings, record_id: UUID, contact: Contact) -> str:
    """Returns the contact encrypted for notify and bound to this record."""
    return keyrings.contacts.encrypt_jwe(contact.as_json(), sealed_place("contact", record_id))


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The content of a message: notify has the text of its `kind`, into which it inserts `values`."""

    kind: str
    values: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


def message_request(
    keyring: Keyring,
    request_id: UUID,
    record_id: UUID | None,
    contact: Contact,
    content: MessageContent,
    channel: MessageChannel | None = None,
) -> MessageRequested:
    """Returns a message request for notify with encrypted content. `keyring`: the ring of contacts.

    Raises ContactMissingError.
    """
    channel = channel or first_reachable_channel(contact)
    to = {"mail": contact.mail} if channel == "mail" else {"mobile": contact.mobile}
    plain = orjson.dumps({"to": to, "language": contact.language, "values": dict(content.values)})
    return MessageRequested(
        request_id=request_id,
        record_id=record_id,
        channel=channel,
        kind=content.kind,
        sealed=keyring.encrypt_jwe(plain, sealed_place("request", request_id)),
        expires_at=content.expires_at,
    )


def utc_minute(now: datetime) -> str:
    """Returns a time as messages show it in every language: UTC, to the minute."""
    return now.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
