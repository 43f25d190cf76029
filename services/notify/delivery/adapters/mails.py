"""Makes the frame of every message: its greeting and its end; of mails also headers and MIME parts."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape
from uuid import UUID

from services.notify.kit.kinds import Language
from services.notify.kit.sender import SenderDetails, typeset

AUTOMATIC_NOTICES: dict[Language, str] = {
    "fr": "Ceci est un message automatique, merci de ne pas y répondre.",
    "en": "This is an automatic message; please do not reply.",
}
GREETINGS: dict[Language, str] = {"fr": "Bonjour,", "en": "Hello,"}
_HELP: dict[Language, str] = {
    "fr": "Une question ? Allez sur {site} ou appelez le {telephone}.",
    "en": "Any questions? Go to {site} or call {telephone}.",
}


def closing(language: Language, sender: SenderDetails) -> tuple[str, str]:
    """Returns the last paragraphs of a mail or letter: where to ask, and the name of the service."""
    return _HELP[language].format_map(sender.values()), sender.name


def mail_headers(sender: str, recipient: str, id: UUID, trace: str, now: datetime) -> bytes:
    """Returns the headers that differ from mail to mail. `id` becomes the Message-ID, which reveals duplicates."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    headers = (
        f"Message-ID: <{id}@{domain}>\r\nDate: {format_datetime(now)}\r\nFrom: {sender}\r\n"
        f"To: {recipient}\r\nAuto-Submitted: auto-generated\r\ntraceparent: {trace}\r\n"
    )
    return headers.encode("ascii")


def mime_content(language: Language, subject: str, paragraphs: Sequence[str]) -> bytes:
    """Returns the part of a mail that does not depend on its recipient: subject, language, text and HTML."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject = typeset(subject, language)
    paragraphs = [typeset(paragraph, language) for paragraph in paragraphs]
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    body = "".join(f"<p>{escape(paragraph, quote=False)}</p>\n" for paragraph in paragraphs)
    message.add_alternative(
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f"<title>{escape(subject, quote=False)}</title></head>\n"
        f'<body style="font-family: sans-serif; line-height: 1.5">\n{body}</body>\n</html>\n',
        subtype="html",
        cte="quoted-printable",
    )
    message["Content-Language"] = language
    return message.as_bytes()
