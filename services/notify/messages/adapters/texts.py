"""Renders codes, notices and letters: fills the texts of `texts.toml` with the values of a request.

An SMS is written in the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1) and has at most two parts.
"""

import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from services.notify.delivery.adapters.mails import AUTOMATIC_NOTICES, GREETINGS, closing, mail_headers, mime_content
from services.notify.delivery.adapters.sms import sms_parts
from services.notify.delivery.domain import (
    AddressUnusableError,
    OutgoingMessage,
    address_lines,
    e164_number,
    normalised_mailbox,
)
from services.notify.kit.kinds import Channel, Language
from services.notify.kit.sender import NO_BREAK_SPACE, SenderDetails, typeset
from services.notify.messages.domain import (
    MessageContent,
    MessageRequest,
    ValuesUnfitError,
    displayed_value,
    long_date,
)
from shared.errors import PermanentError
from shared.moments import FRANCE

MAX_SMS_PARTS = 2
LETTER_WIDTH = 72
_SUBJECT_PREFIXES: dict[Language, str] = {"fr": "Objet :", "en": "Subject:"}


class KindUnknownError(PermanentError):
    """Notify has no text of this kind for this channel."""

    code = "message-kind-unknown"


@dataclass(frozen=True, slots=True)
class MessageText:
    """The texts of one kind in one language: subject and paragraphs of mail and letter, and the SMS if there is one."""

    subject: str
    lines: tuple[str, ...]
    sms: str | None = None


@dataclass(frozen=True, slots=True)
class MessageKind:
    """One kind of message, in both languages.

    `has_letter`: whether it may be sent by letter, unlike a code that is valid for minutes. `is_awaited`: whether a
    person awaits it at a screen, so that it precedes other messages.
    """

    fr: MessageText
    en: MessageText
    has_letter: bool
    is_awaited: bool

    def text(self, language: Language) -> MessageText:
        """Returns the texts in this language."""
        return self.fr if language == "fr" else self.en

    def supports(self, channel: Channel) -> bool:
        """Returns whether this kind can be sent by this channel."""
        return {"mail": True, "sms": self.fr.sms is not None, "letter": self.has_letter}[channel]


@cache
def message_kinds() -> Mapping[str, MessageKind]:
    """Returns all kinds of messages by name, from `texts.toml`."""
    document = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
    return {
        name: MessageKind(_text(kind["fr"]), _text(kind["en"]), kind["letter"], kind.get("awaited", False))
        for name, kind in document.items()
    }


def is_awaited(kind: str) -> bool:
    """Returns whether a person awaits messages of this kind at a screen."""
    message_kind = message_kinds().get(kind)
    return message_kind is not None and message_kind.is_awaited


def _text(table: Mapping[str, Any]) -> MessageText:
    return MessageText(table["subject"], tuple(table["lines"]), table.get("sms"))


@dataclass(frozen=True, slots=True, repr=False)
class RenderedText:
    """The text of one message: subject and paragraphs; an SMS is one paragraph without a subject."""

    subject: str
    paragraphs: tuple[str, ...]


def render_message(kind: str, channel: Channel, content: MessageContent, sender: SenderDetails) -> RenderedText:
    """Returns the text of one message. Raises KindUnknownError and ValuesUnfitError, which quote no value."""
    message_kind = message_kinds().get(kind)
    if message_kind is None or not message_kind.supports(channel):
        raise KindUnknownError
    text = message_kind.text(content.language)
    if channel != "sms" or text.sms is None:
        lines = [_render_line(line, content, sender, short=False) for line in text.lines]
        return RenderedText(text.subject, tuple(lines))
    sms = _render_line(text.sms, content, sender, short=True).replace(NO_BREAK_SPACE, " ")
    parts = sms_parts(sms)
    if parts.alphabet != "GSM-7" or parts.count > MAX_SMS_PARTS:
        raise ValuesUnfitError
    return RenderedText("", (sms,))


def _render_line(template: str, content: MessageContent, sender: SenderDetails, *, short: bool) -> str:
    own = sender.values()
    names = {name for _, name, _, _ in Formatter().parse(template) if name} - own.keys()
    if not content.values.keys() >= names:
        raise ValuesUnfitError
    values = {name: displayed_value(name, content.values[name], content.language, short=short) for name in names}
    return template.format_map({**values, **own})


def outgoing_message(
    request: MessageRequest, content: MessageContent, sender: SenderDetails, trace: str, now: datetime
) -> OutgoingMessage:
    """Builds the message of a request; all attempts build an equal message but for its date.

    Raises AddressUnusableError, KindUnknownError and ValuesUnfitError.
    """
    text = render_message(request.kind, request.channel, content, sender)
    match request.channel, content.to:
        case "mail", str(address):
            return _mail(request, normalised_mailbox(address), content.language, text, sender, trace, now)
        case "sms", str(number):
            to = e164_number(number)
            return OutgoingMessage(request.id, to, f"To: {to}\n\n{text.paragraphs[0]}\n".encode())
        case "letter", tuple(lines):
            to = "\n".join(address_lines(lines))
            return OutgoingMessage(request.id, to, _letter(to, content.language, text, sender, now).encode())
        case _:
            raise AddressUnusableError


def _mail(
    request: MessageRequest,
    to: str,
    language: Language,
    text: RenderedText,
    sender: SenderDetails,
    trace: str,
    now: datetime,
) -> OutgoingMessage:
    headers = mail_headers(sender.mailbox, to, request.id, trace, now)
    body = (paragraph.replace(NO_BREAK_SPACE, " ") for paragraph in text.paragraphs)
    paragraphs = (GREETINGS[language], *body, *closing(language, sender), AUTOMATIC_NOTICES[language])
    return OutgoingMessage(request.id, to, headers + mime_content(language, text.subject, paragraphs))


def _letter(to: str, language: Language, text: RenderedText, sender: SenderDetails, now: datetime) -> str:
    day = long_date(now.astimezone(FRANCE).date(), language)
    paragraphs = (GREETINGS[language], *text.paragraphs, *closing(language, sender))
    wrapped = [
        textwrap.fill(typeset(paragraph, language), LETTER_WIDTH, break_long_words=False, break_on_hyphens=False)
        for paragraph in paragraphs
    ]
    letter = "\n\n".join((to, day, f"{_SUBJECT_PREFIXES[language]} {text.subject}", *wrapped))
    return letter.replace(NO_BREAK_SPACE, " ") + "\n"
