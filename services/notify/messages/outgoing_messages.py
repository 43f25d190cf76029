"""Builds outgoing messages for the gateways: mails, SMS and the text of letters."""

import re
import textwrap
import unicodedata
from datetime import datetime

from services.notify.delivery.mails import (
    GREETINGS,
    AddressUnusableError,
    alert_mail,
    mail_headers,
    mailbox_of_contact,
    mime_content,
    normalised_mailbox,
    sms_text,
)
from services.notify.domain import Alert, Contact, Language, MessageContent, MessageRequest, OutgoingMessage
from services.notify.messages.texts import RenderedText, render_message
from services.notify.messages.values import NO_BREAK_SPACE, PARIS, long_date

LETTER_WIDTH = 72
MAX_ADDRESS_LINES = 7
"""Six lines of a French postal address (NF Z10-011), and one for the country."""
MAX_ADDRESS_LINE_LENGTH = 60
"""Characters; NF Z10-011 has 38."""
_MOBILE = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164
_AUTOMATIC_NOTICES: dict[Language, str] = {
    "fr": "Ceci est un message automatique, merci de ne pas y répondre.",
    "en": "This is an automatic message; please do not reply.",
}
_SIGNATURES: dict[Language, str] = {
    "fr": "Le service du dossier médical partagé",
    "en": "The shared medical record service",
}
_SUBJECT_PREFIXES: dict[Language, str] = {"fr": "Objet :", "en": "Subject:"}


def outgoing_message(
    request: MessageRequest, content: MessageContent, sender: str, trace: str, now: datetime
) -> OutgoingMessage:
    """Builds the message of a request; all attempts build an equal message but for its date.

    Raises AddressUnusableError, KindUnknownError and ValuesUnfitError.
    """
    text = render_message(request.kind, request.channel, content)
    match request.channel, content.to:
        case "mail", str(address):
            return _mail(request, normalised_mailbox(address), content.language, text, sender, trace, now)
        case "sms", str(number):
            to = e164_number(number)
            return OutgoingMessage(request.id, to, f"To: {to}\n\n{text.paragraphs[0]}\n".encode())
        case "letter", tuple(lines):
            to = "\n".join(address_lines(lines))
            return OutgoingMessage(request.id, to, _letter(to, content.language, text, now).encode())
        case _:
            raise AddressUnusableError


def outgoing_alert(
    alert: Alert, contact: Contact, sender: str, trace: str, now: datetime, count: int = 1
) -> OutgoingMessage:
    """Builds the message of an alert; all attempts build an equal message but for its date.

    `count`: how many documents or consultations the message reports. Raises AddressUnusableError.
    """
    if alert.channel == "mail":
        body = alert_mail(alert.kind, contact, sender, alert.id, trace, now, count)
        return OutgoingMessage(alert.id, mailbox_of_contact(contact), body)
    to = e164_number(contact.mobile or "")
    return OutgoingMessage(alert.id, to, f"To: {to}\n\n{sms_text(alert.kind, contact)}\n".encode())


def e164_number(number: str) -> str:
    """Returns a mobile number in the form of ITU-T E.164; a number without a country code is French.

    Raises AddressUnusableError.
    """
    digits = re.sub(r"[ .()-]", "", number)
    if re.fullmatch(r"0[67][0-9]{8}", digits):
        digits = f"+33{digits[1:]}"
    elif digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if _MOBILE.fullmatch(digits) is None:
        raise AddressUnusableError
    return digits


def address_lines(lines: tuple[str, ...]) -> list[str]:
    """Returns the lines of a postal address without empty ones.

    Raises AddressUnusableError for lines that are too many, too long, or hold control characters.
    """
    kept = [stripped for line in lines if (stripped := line.strip())]
    fits = 1 <= len(kept) <= MAX_ADDRESS_LINES and all(len(line) <= MAX_ADDRESS_LINE_LENGTH for line in kept)
    if not fits or any(unicodedata.category(character)[0] == "C" for line in kept for character in line):
        raise AddressUnusableError
    return kept


def _mail(
    request: MessageRequest, to: str, language: Language, text: RenderedText, sender: str, trace: str, now: datetime
) -> OutgoingMessage:
    headers = mail_headers(sender, to, request.id, trace, now)
    body = (paragraph.replace(NO_BREAK_SPACE, " ") for paragraph in text.paragraphs)
    paragraphs = (GREETINGS[language], *body, _AUTOMATIC_NOTICES[language])
    return OutgoingMessage(request.id, to, headers + mime_content(language, text.subject, paragraphs))


def _letter(to: str, language: Language, text: RenderedText, now: datetime) -> str:
    day = long_date(now.astimezone(PARIS).date(), language)
    paragraphs = (GREETINGS[language], *text.paragraphs, _SIGNATURES[language])
    wrapped = [
        textwrap.fill(paragraph, LETTER_WIDTH, break_long_words=False, break_on_hyphens=False)
        for paragraph in paragraphs
    ]
    letter = "\n\n".join((to, day, f"{_SUBJECT_PREFIXES[language]} {text.subject}", *wrapped))
    return letter.replace(NO_BREAK_SPACE, " ") + "\n"
