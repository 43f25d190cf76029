"""The mails that the catcher has put into its folder."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path


@dataclass(frozen=True)
class CaughtMail:
    """One mail; `number` counts from 1 in the order of arrival."""

    number: int
    path: Path
    message: EmailMessage

    @property
    def arrived(self) -> datetime:
        """When the catcher had it: the name of its file begins with nanoseconds."""
        return datetime.fromtimestamp(int(self.path.name.split("-")[0]) / 1e9, UTC)

    @property
    def to(self) -> str:
        """The addressee."""
        return str(self.message["to"])

    @property
    def subject(self) -> str:
        """The subject."""
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        """What it says, as plain text."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()).strip() if body is not None else ""


def caught(folder: Path, to: str | None = None) -> list[CaughtMail]:
    """All mails, or those to one address, the oldest first."""
    paths = sorted(folder.glob("*.eml"))
    mails = [CaughtMail(number, path, _parsed(path)) for number, path in enumerate(paths, 1)]
    return [mail for mail in mails if to is None or mail.to == to]


def count(folder: Path) -> int:
    """How many mails there are."""
    return sum(1 for _ in folder.glob("*.eml"))


def _parsed(path: Path) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(path.read_bytes())
