"""The mails that the catcher has put into its folder, and the SMS and letters that notify has put into theirs."""

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


@dataclass(frozen=True)
class CaughtText:
    """One SMS or letter, a file of plain text; `number` counts from 1 in the order of arrival."""

    number: int
    path: Path
    arrived: datetime
    to: str
    subject: str
    text: str


def caught_sms(folder: Path, to: str | None = None) -> list[CaughtText]:
    """All SMS, or those to one number, the oldest first. The first line names the number."""
    found = []
    for number, (path, arrived, content) in enumerate(_texts(folder), 1):
        head, _, text = content.partition("\n\n")
        found.append(CaughtText(number, path, arrived, head.removeprefix("To: "), "", text.strip()))
    return [one for one in found if to is None or one.to == to]


def caught_letters(folder: Path, to: str | None = None) -> list[CaughtText]:
    """All letters, or those to one person (first line of the address), the oldest first."""
    found = []
    for number, (path, arrived, content) in enumerate(_texts(folder), 1):
        subject = next((block.partition(":")[2].strip() for block in content.split("\n\n")[2:3]), "")
        found.append(CaughtText(number, path, arrived, content.partition("\n")[0], subject, content.strip()))
    return [one for one in found if to is None or one.to == to]


def _texts(folder: Path) -> list[tuple[Path, datetime, str]]:
    aged = sorted((path.stat().st_mtime_ns, path) for path in folder.glob("*.txt"))
    return [(path, datetime.fromtimestamp(at / 1e9, UTC), path.read_text("utf-8")) for at, path in aged]


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
