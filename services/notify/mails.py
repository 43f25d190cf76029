"""What the mails say: generic on purpose. No type, no author, no hospital, no name, no link with an id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from html import escape
from uuid import UUID

from services.notify.domain import EMERGENCY_KINDS, Contact, Kind, Language, Relation
from shared.errors import CodedError

# RFC 5321, section 4.1.2, without quoted local parts; nothing that could end a header or a command.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


class AddressUnusableError(CodedError):
    """No mail can be sent to this address."""

    code = "address-unusable"


@dataclass(frozen=True, slots=True)
class _Text:
    subject: str
    lines: tuple[str, ...]


_SAFETY: dict[Language, str] = {
    "fr": "Pour votre sécurité, ce message ne donne aucun détail et ne contient aucun lien. "
    "Connectez-vous comme vous en avez l'habitude pour en savoir plus.",
    "en": "For your safety this message gives no details and contains no link. "
    "Sign in as you usually do to learn more.",
}
_SWITCH: dict[tuple[bool, Language], str] = {
    (False, "fr"): "Vous pouvez désactiver ces messages dans vos préférences.",
    (False, "en"): "You can switch these messages off in your preferences.",
    (True, "fr"): "Ces messages sont envoyés à chaque accès en urgence et ne peuvent pas être désactivés.",
    (True, "en"): "These messages are sent at each emergency access and cannot be switched off.",
}
_AUTOMATIC: dict[Language, str] = {
    "fr": "Ceci est un message automatique, merci de ne pas y répondre.",
    "en": "This is an automatic message; please do not reply.",
}
GREETINGS: dict[Language, str] = {"fr": "Bonjour,", "en": "Hello,"}
_TEXTS: dict[tuple[Kind, Language, Relation], _Text] = {
    ("document", "fr", "holder"): _Text(
        "Nouveau document dans votre dossier médical partagé",
        ("Un nouveau document a été ajouté à votre dossier médical partagé.",),
    ),
    ("document", "en", "holder"): _Text(
        "New document in your shared medical record",
        ("A new document has been added to your shared medical record.",),
    ),
    ("document", "fr", "representative"): _Text(
        "Nouveau document dans un dossier médical partagé",
        ("Un nouveau document a été ajouté au dossier médical partagé d'une personne que vous représentez.",),
    ),
    ("document", "en", "representative"): _Text(
        "New document in a shared medical record",
        ("A new document has been added to the shared medical record of a person whom you represent.",),
    ),
    ("consultation", "fr", "holder"): _Text(
        "Votre dossier médical partagé a été consulté",
        (
            "Un professionnel de santé a consulté votre dossier médical partagé.",
            "La liste des accès à votre dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "holder"): _Text(
        "Your shared medical record was consulted",
        (
            "A health professional has consulted your shared medical record.",
            "The list of accesses to your record tells you who, and when.",
        ),
    ),
    ("consultation", "fr", "representative"): _Text(
        "Un dossier médical partagé a été consulté",
        (
            "Un professionnel de santé a consulté le dossier médical partagé d'une personne que vous représentez.",
            "La liste des accès à ce dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "representative"): _Text(
        "A shared medical record was consulted",
        (
            "A health professional has consulted the shared medical record of a person whom you represent.",
            "The list of accesses to that record tells you who, and when.",
        ),
    ),
    ("emergency", "fr", "holder"): _Text(
        "Votre dossier médical partagé a été ouvert en urgence",
        (
            "Un professionnel de santé vient d'ouvrir votre dossier médical partagé en urgence.",
            "La liste des accès à votre dossier vous dit qui, quand, et pour quel motif.",
            "Si vous ne voulez plus de tels accès, vous pouvez vous y opposer dans vos réglages.",
        ),
    ),
    ("emergency", "en", "holder"): _Text(
        "Your shared medical record was opened in an emergency",
        (
            "A health professional has just opened your shared medical record in an emergency.",
            "The list of accesses to your record tells you who, when, and for which reason.",
            "If you do not want such accesses any more, you can object to them in your settings.",
        ),
    ),
    ("emergency", "fr", "representative"): _Text(
        "Un dossier médical partagé a été ouvert en urgence",
        (
            "Un professionnel de santé vient d'ouvrir en urgence le dossier médical partagé d'une personne que vous "
            "représentez.",
            "La liste des accès à ce dossier vous dit qui, quand, et pour quel motif.",
        ),
    ),
    ("emergency", "en", "representative"): _Text(
        "A shared medical record was opened in an emergency",
        (
            "A health professional has just opened, in an emergency, the shared medical record of a person whom you "
            "represent.",
            "The list of accesses to that record tells you who, when, and for which reason.",
        ),
    ),
    ("emergency-follow-up", "fr", "holder"): _Text(
        "Accès en urgence à votre dossier médical partagé : ce qui a été consulté",
        (
            "L'accès en urgence à votre dossier médical partagé, dont nous vous avons informé, est terminé.",
            "La liste des accès à votre dossier vous dit le motif donné et ce qui a été consulté.",
        ),
    ),
    ("emergency-follow-up", "en", "holder"): _Text(
        "Emergency access to your shared medical record: what was read",
        (
            "The emergency access to your shared medical record, of which we told you, has ended.",
            "The list of accesses to your record tells you the reason that was given and what was read.",
        ),
    ),
    ("emergency-follow-up", "fr", "representative"): _Text(
        "Accès en urgence à un dossier médical partagé : ce qui a été consulté",
        (
            "L'accès en urgence au dossier médical partagé d'une personne que vous représentez, dont nous vous avons "
            "informé, est terminé.",
            "La liste des accès à ce dossier vous dit le motif donné et ce qui a été consulté.",
        ),
    ),
    ("emergency-follow-up", "en", "representative"): _Text(
        "Emergency access to a shared medical record: what was read",
        (
            "The emergency access to the shared medical record of a person whom you represent, of which we told you, "
            "has ended.",
            "The list of accesses to that record tells you the reason that was given and what was read.",
        ),
    ),
}
# `{count}` is two or more: what is gathered says how many, and no more than that.
_GATHERED: dict[tuple[Kind, Language, Relation], _Text] = {
    ("document", "fr", "holder"): _Text(
        "Nouveaux documents dans votre dossier médical partagé",
        ("{count} nouveaux documents ont été ajoutés à votre dossier médical partagé.",),
    ),
    ("document", "en", "holder"): _Text(
        "New documents in your shared medical record",
        ("{count} new documents have been added to your shared medical record.",),
    ),
    ("document", "fr", "representative"): _Text(
        "Nouveaux documents dans un dossier médical partagé",
        ("{count} nouveaux documents ont été ajoutés au dossier médical partagé d'une personne que vous représentez.",),
    ),
    ("document", "en", "representative"): _Text(
        "New documents in a shared medical record",
        ("{count} new documents have been added to the shared medical record of a person whom you represent.",),
    ),
    ("consultation", "fr", "holder"): _Text(
        "Votre dossier médical partagé a été consulté",
        (
            "Votre dossier médical partagé a été consulté par des professionnels de santé : "
            "{count} nouvelles consultations.",
            "La liste des accès à votre dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "holder"): _Text(
        "Your shared medical record was consulted",
        (
            "Health professionals have consulted your shared medical record: {count} new consultations.",
            "The list of accesses to your record tells you who, and when.",
        ),
    ),
    ("consultation", "fr", "representative"): _Text(
        "Un dossier médical partagé a été consulté",
        (
            "Le dossier médical partagé d'une personne que vous représentez a été consulté par des professionnels de "
            "santé : {count} nouvelles consultations.",
            "La liste des accès à ce dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "representative"): _Text(
        "A shared medical record was consulted",
        (
            "Health professionals have consulted the shared medical record of a person whom you represent: "
            "{count} new consultations.",
            "The list of accesses to that record tells you who, and when.",
        ),
    ),
}
# 160 characters of the GSM 7-bit default alphabet at most (3GPP TS 23.038, section 6.2.1); only emergencies have one.
_SMS: dict[tuple[Kind, Language, Relation], str] = {
    ("emergency", "fr", "holder"): "DMP : un professionnel de santé vient d'ouvrir votre dossier en urgence. "
    "Qui, et pour quel motif : connectez-vous et voyez la liste des accès.",
    ("emergency", "en", "holder"): "DMP: a health professional has just opened your record in an emergency. "
    "Sign in and see the list of accesses for who, and why.",
    ("emergency", "fr", "representative"): "DMP : accès en urgence au dossier d'une personne que vous représentez. "
    "Qui, et pour quel motif : connectez-vous et voyez la liste des accès.",
    ("emergency", "en", "representative"): "DMP: emergency access to the record of a person whom you represent. "
    "Sign in and see the list of accesses for who, and why.",
    ("emergency-follow-up", "fr", "holder"): "DMP : l'accès en urgence à votre dossier est terminé. "
    "Motif, et ce qui a été consulté : connectez-vous et voyez la liste des accès.",
    ("emergency-follow-up", "en", "holder"): "DMP: the emergency access to your record has ended. "
    "Sign in and see the list of accesses for the reason and what was read.",
    ("emergency-follow-up", "fr", "representative"): "DMP : l'accès en urgence au dossier d'une personne que vous "
    "représentez est terminé. Motif, et ce qui a été consulté : voyez la liste des accès.",
    ("emergency-follow-up", "en", "representative"): "DMP: the emergency access to the record of a person whom you "
    "represent has ended. See the list of accesses for why, and what was read.",
}


def sms_of(kind: Kind, contact: Contact) -> str:
    """What an emergency, or its end, says by SMS."""
    return _SMS[kind, contact.language, contact.relation]


def compose(kind: Kind, contact: Contact, sender: str, alert: UUID, trace: str, now: datetime, count: int = 1) -> bytes:
    """The whole message, ready to be handed to a server; `count`: of how many documents or consultations it tells.

    Raises AddressUnusableError.
    """
    head = envelope(sender, mailbox(contact), alert, trace, now)
    return head + _rest(kind, contact.language, contact.relation, count)


def envelope(sender: str, recipient: str, id: UUID, trace: str, now: datetime) -> bytes:
    """The headers that differ from mail to mail. `id` shows a mail that was sent twice."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    headers = (
        f"Message-ID: <{id}@{domain}>\r\nDate: {format_datetime(now)}\r\nFrom: {sender}\r\n"
        f"To: {recipient}\r\nAuto-Submitted: auto-generated\r\ntraceparent: {trace}\r\n"
    )
    return headers.encode("ascii")


def mailbox(contact: Contact) -> str:
    """The contact's address as the protocol takes it. Raises AddressUnusableError."""
    return mailbox_of(contact.mail or "")


def mailbox_of(mail: str) -> str:
    """An address as the protocol takes it (ASCII, RFC 5321). Raises AddressUnusableError."""
    local, _, domain = mail.strip().rpartition("@")
    try:
        address = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        raise AddressUnusableError from None  # the cause quotes the address
    if _MAILBOX.fullmatch(address) is None:
        raise AddressUnusableError
    return address


@lru_cache(maxsize=256)
def _rest(kind: Kind, language: Language, relation: Relation, count: int) -> bytes:
    text = (_TEXTS if count == 1 else _GATHERED)[kind, language, relation]
    lines = (line.format(count=count) for line in text.lines)
    signature = (_SAFETY[language], _SWITCH[kind in EMERGENCY_KINDS, language], _AUTOMATIC[language])
    return message_of(language, text.subject, (GREETINGS[language], *lines, *signature))


def message_of(language: Language, subject: str, paragraphs: Sequence[str]) -> bytes:
    """What all mails of a sort have in common: subject, language, text and HTML."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    body = "".join(f"<p>{escape(paragraph, quote=False)}</p>\n" for paragraph in paragraphs)
    message.add_alternative(
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>{subject}</title></head>\n'
        f'<body style="font-family: sans-serif; line-height: 1.5">\n{body}</body>\n</html>\n',
        subtype="html",
        cte="quoted-printable",
    )
    message["Content-Language"] = language
    return message.as_bytes()
