"""Renders alerts by mail and SMS from the texts of `texts.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from babel.numbers import format_decimal

from services.notify.alerts.domain.alerts import Alert
from services.notify.contacts.domain import Contact, Relation
from services.notify.delivery.adapters.mails import AUTOMATIC_NOTICES, GREETINGS, closing, mail_headers, mime_content
from services.notify.delivery.domain import OutgoingMessage, e164_number, normalised_mailbox
from services.notify.kit.kinds import ALWAYS_SENT_KINDS, LOCALES, AlertKind, Language
from services.notify.kit.sender import SenderDetails


@dataclass(frozen=True, slots=True)
class AlertText:
    """The texts of one alert: subject and paragraphs of its mail, and its SMS if there is one."""

    subject: str
    lines: tuple[str, ...]
    sms: str | None = None


@dataclass(frozen=True, slots=True)
class AlertNotices:
    """The notices below each mail in one language.

    `switchable`, `always_sent`: below alerts that the person can switch off, and below those of emergencies.
    """

    safety: str
    switchable: str
    always_sent: str


@dataclass(frozen=True, slots=True)
class AlertTexts:
    """All texts of `texts.toml`. `several`: the texts of mails that report several alerts."""

    single: Mapping[tuple[AlertKind, Language, Relation], AlertText]
    several: Mapping[tuple[AlertKind, Language, Relation], AlertText]
    notices: Mapping[Language, AlertNotices]


@cache
def alert_texts() -> AlertTexts:
    """Returns the texts of `texts.toml`."""
    document = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
    single: dict[tuple[AlertKind, Language, Relation], AlertText] = {}
    several: dict[tuple[AlertKind, Language, Relation], AlertText] = {}
    for kind, by_language in document["alerts"].items():
        for language, by_relation in by_language.items():
            for relation, table in by_relation.items():
                single[kind, language, relation] = _text(table)
                if "several" in table:
                    several[kind, language, relation] = _text(table["several"])
    notices: dict[Language, AlertNotices] = {
        language: AlertNotices(table["safety"], table["switchable"], table["always-sent"])
        for language, table in document["notices"].items()
    }
    return AlertTexts(single, several, notices)


def _text(table: Mapping[str, Any]) -> AlertText:
    return AlertText(table["subject"], tuple(table["lines"]), table.get("sms"))


def sms_text(kind: AlertKind, contact: Contact, sender: SenderDetails) -> str:
    """Returns the SMS about an emergency, or about its end; no other alert has one."""
    sms = alert_texts().single[kind, contact.language, contact.relation].sms
    assert sms is not None, "only emergencies are told by SMS"
    return sms.format_map(sender.values())


def alert_mail(
    kind: AlertKind, contact: Contact, sender: SenderDetails, alert: UUID, trace: str, now: datetime, count: int = 1
) -> bytes:
    """Returns the complete mail of an alert. `count`: how many documents or consultations it reports.

    Raises AddressUnusableError.
    """
    headers = mail_headers(sender.mailbox, mailbox_of_contact(contact), alert, trace, now)
    return headers + _cached_content(kind, contact.language, contact.relation, sender, count)


def mailbox_of_contact(contact: Contact) -> str:
    """Returns the mail address of a contact in the form of RFC 5321. Raises AddressUnusableError."""
    return normalised_mailbox(contact.mail or "")


@lru_cache(maxsize=256)
def _cached_content(
    kind: AlertKind, language: Language, relation: Relation, sender: SenderDetails, count: int
) -> bytes:
    texts = alert_texts()
    text = (texts.single if count == 1 else texts.several)[kind, language, relation]
    lines = (line.format(count=format_decimal(count, locale=LOCALES[language])) for line in text.lines)
    notices = texts.notices[language]
    signature = (
        notices.safety.format_map(sender.values()),
        notices.always_sent if kind in ALWAYS_SENT_KINDS else notices.switchable,
        *closing(language, sender),
        AUTOMATIC_NOTICES[language],
    )
    return mime_content(language, text.subject, (GREETINGS[language], *lines, *signature))


def outgoing_alert(
    alert: Alert, contact: Contact, sender: SenderDetails, trace: str, now: datetime, count: int = 1
) -> OutgoingMessage:
    """Builds the message of an alert; all attempts build an equal message but for its date.

    `count`: how many documents or consultations the message reports. Raises AddressUnusableError.
    """
    if alert.channel == "mail":
        body = alert_mail(alert.kind, contact, sender, alert.id, trace, now, count)
        return OutgoingMessage(alert.id, mailbox_of_contact(contact), body)
    to = e164_number(contact.mobile or "")
    return OutgoingMessage(alert.id, to, f"To: {to}\n\n{sms_text(alert.kind, contact, sender)}\n".encode())
