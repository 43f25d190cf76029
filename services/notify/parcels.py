"""Alerts, codes, notices and letters as the gateways take them: a mail, an SMS, the text of a letter."""

import re
import textwrap
import unicodedata
from datetime import datetime

from services.notify.domain import Addressed, Alert, Contact, Language, Parcel, Request
from services.notify.mails import (
    GREETINGS,
    AddressUnusableError,
    compose,
    envelope,
    mailbox,
    mailbox_of,
    message_of,
    sms_of,
)
from services.notify.texts import Worded, check_message
from services.notify.values import PARIS, UNBROKEN, shown_day

LETTER_WIDTH = 72
LONGEST_ADDRESS = (7, 60)
"""Lines and characters; postal addresses have six lines of 38 (NF Z10-011), and one more for the country."""
_MOBILE = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164
_AUTOMATIC: dict[Language, str] = {
    "fr": "Ceci est un message automatique, merci de ne pas y répondre.",
    "en": "This is an automatic message; please do not reply.",
}
_SIGNED: dict[Language, str] = {
    "fr": "Le service du dossier médical partagé",
    "en": "The shared medical record service",
}
_ABOUT: dict[Language, str] = {"fr": "Objet :", "en": "Subject:"}


def make_parcel(request: Request, addressed: Addressed, sender: str, trace: str, now: datetime) -> Parcel:
    """What is handed over, the same each time but for the date.

    Raises AddressUnusableError, and what `check_message` raises.
    """
    worded = check_message(request.kind, request.channel, addressed)
    match request.channel, addressed.to:
        case "mail", str(address):
            return _mail(request, mailbox_of(address), addressed.language, worded, sender, trace, now)
        case "sms", str(number):
            to = mobile(number)
            return Parcel(request.id, to, f"To: {to}\n\n{worded.paragraphs[0]}\n".encode())
        case "letter", tuple(lines):
            to = "\n".join(address_lines(lines))
            return Parcel(request.id, to, _letter(to, addressed.language, worded, now).encode())
        case _:
            raise AddressUnusableError


def make_alert(alert: Alert, contact: Contact, sender: str, trace: str, now: datetime, count: int = 1) -> Parcel:
    """An alert as its channel's gateway takes it, the same each time but for the date; `count`: of how many it tells.

    Raises AddressUnusableError.
    """
    if alert.channel == "mail":
        body = compose(alert.kind, contact, sender, alert.id, trace, now, count)
        return Parcel(alert.id, mailbox(contact), body)
    to = mobile(contact.mobile or "")
    return Parcel(alert.id, to, f"To: {to}\n\n{sms_of(alert.kind, contact)}\n".encode())


def mobile(number: str) -> str:
    """In the form of E.164; a number without a country is French. Raises AddressUnusableError."""
    digits = re.sub(r"[ .()-]", "", number)
    if re.fullmatch(r"0[67][0-9]{8}", digits):
        digits = f"+33{digits[1:]}"
    elif digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if _MOBILE.fullmatch(digits) is None:
        raise AddressUnusableError
    return digits


def address_lines(lines: tuple[str, ...]) -> list[str]:
    """Without empty ones. Raises AddressUnusableError for what an envelope does not show."""
    kept = [stripped for line in lines if (stripped := line.strip())]
    most, longest = LONGEST_ADDRESS
    too_much = not 1 <= len(kept) <= most or any(len(line) > longest for line in kept)
    if too_much or any(unicodedata.category(letter)[0] == "C" for line in kept for letter in line):
        raise AddressUnusableError
    return kept


def _mail(
    request: Request, to: str, language: Language, worded: Worded, sender: str, trace: str, now: datetime
) -> Parcel:
    head = envelope(sender, to, request.id, trace, now)
    told = (one.replace(UNBROKEN, " ") for one in worded.paragraphs)
    paragraphs = (GREETINGS[language], *told, _AUTOMATIC[language])
    return Parcel(request.id, to, head + message_of(language, worded.subject, paragraphs))


def _letter(to: str, language: Language, worded: Worded, now: datetime) -> str:
    day = shown_day(now.astimezone(PARIS).date(), language)
    paragraphs = (GREETINGS[language], *worded.paragraphs, _SIGNED[language])
    wrapped = [textwrap.fill(one, LETTER_WIDTH, break_long_words=False, break_on_hyphens=False) for one in paragraphs]
    return "\n\n".join((to, day, f"{_ABOUT[language]} {worded.subject}", *wrapped)).replace(UNBROKEN, " ") + "\n"
