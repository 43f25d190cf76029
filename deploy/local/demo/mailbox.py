"""Reads the mails of the mail catcher's folder, and opens SMS and letters of notify's folders as a gateway does."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from deploy.local.platform.gateway import ENDING, Opener
from deploy.local.platform.paths import Layout

EMERGENCY = "urgence"
"""A word of the subject of the mail about an emergency access, in French."""
_CODE = re.compile(r"\b(\d{3})\s?(\d{3})\b")


@dataclass(frozen=True)
class CaughtMail:
    """One mail; `number` counts from 1 in the order of arrival."""

    number: int
    path: Path
    message: EmailMessage

    @property
    def arrived(self) -> datetime:
        """The time of arrival, from the nanoseconds that begin the file name."""
        return datetime.fromtimestamp(int(self.path.name.split("-")[0]) / 1e9, UTC)

    @property
    def to(self) -> str:
        """The recipient's address."""
        return str(self.message["to"])

    @property
    def subject(self) -> str:
        """The subject line."""
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        """The body as plain text; empty if the mail has none."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()).strip() if body is not None else ""


@dataclass(frozen=True)
class CaughtText:
    """One SMS or letter, from a file of its own; `number` counts from 1 in the order of arrival."""

    number: int
    path: Path
    arrived: datetime
    to: str
    subject: str
    text: str


async def mail_after(folder: Path, to: str, before: int, word: str) -> CaughtMail | None:
    """Returns the first mail to an address after a number of them whose subject has the word; None so far."""
    later = caught_mails(folder, to)[before:]
    return next((mail for mail in later if word in mail.subject), None)


def caught_sms(layout: Layout, to: str | None = None) -> list[CaughtText]:
    """Returns all SMS, or those to one number, the oldest first; the first line of each names the number.

    Raises LocalError for a file that the gateway's key does not open.
    """
    messages = []
    for number, (path, arrived, content) in enumerate(_texts(layout, layout.sms), 1):
        head, _, text = content.partition("\n\n")
        messages.append(CaughtText(number, path, arrived, head.removeprefix("To: "), "", text.strip()))
    return [message for message in messages if to is None or message.to == to]


def caught_letters(layout: Layout, to: str | None = None) -> list[CaughtText]:
    """Returns all letters, or those to one person (first line of the address), the oldest first.

    Raises LocalError for a file that the gateway's key does not open.
    """
    messages = []
    for number, (path, arrived, content) in enumerate(_texts(layout, layout.letters), 1):
        subject = next((block.partition(":")[2].strip() for block in content.split("\n\n")[2:3]), "")
        messages.append(CaughtText(number, path, arrived, content.partition("\n")[0], subject, content.strip()))
    return [message for message in messages if to is None or message.to == to]


def count_letters(layout: Layout) -> int:
    """Returns the number of letters."""
    return sum(1 for _ in layout.letters.glob(f"*{ENDING}"))


def codes_in(text: str) -> list[str]:
    """Returns the codes of six digits in a mail or SMS, without the blank between their halves."""
    return [match[1] + match[2] for match in _CODE.finditer(text)]


def _texts(layout: Layout, folder: Path) -> list[tuple[Path, datetime, str]]:
    opener = Opener(layout)
    aged = sorted((path.stat().st_mtime_ns, path) for path in folder.glob(f"*{ENDING}"))
    return [(path, datetime.fromtimestamp(at / 1e9, UTC), opener.open(path)) for at, path in aged]


def caught_mails(folder: Path, to: str | None = None) -> list[CaughtMail]:
    """Returns all mails, or those to one address, the oldest first."""
    paths = sorted(folder.glob("*.eml"))
    mails = [CaughtMail(number, path, _parsed(path)) for number, path in enumerate(paths, 1)]
    return [mail for mail in mails if to is None or mail.to == to]


def _parsed(path: Path) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(path.read_bytes())
