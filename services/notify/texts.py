"""The words of codes, notices and letters: the texts of `texts.toml` with the values of one request in them.

An SMS has 160 characters of the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1) at most.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from services.notify.domain import Addressed, Channel, Language
from services.notify.values import UNBROKEN, ValuesUnfitError, shown
from shared.errors import PermanentError

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
LONGEST_SMS = 160


class KindUnknownError(PermanentError):
    """Notify has no text of this kind for this channel."""

    code = "message-kind-unknown"


@dataclass(frozen=True, slots=True)
class Text:
    """One kind in one language: subject and paragraphs of mail and letter, and the SMS where there may be one."""

    subject: str
    lines: tuple[str, ...]
    sms: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in both languages.

    `letter`: whether it may come by letter, which what is of use for minutes may not; `awaited`: whether somebody waits
    for it at a screen, so that it goes before whatever nobody waits for.
    """

    fr: Text
    en: Text
    letter: bool
    awaited: bool

    def text(self, language: Language) -> Text:
        """In this language."""
        return self.fr if language == "fr" else self.en

    def has(self, channel: Channel) -> bool:
        """Whether it can be sent so."""
        return {"mail": True, "sms": self.fr.sms is not None, "letter": self.letter}[channel]


@cache
def kinds() -> Mapping[str, Kind]:
    """All of them, from `texts.toml`."""
    said = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
    return {
        name: Kind(_text(kind["fr"]), _text(kind["en"]), kind["letter"], kind.get("awaited", False))
        for name, kind in said.items()
    }


def is_awaited(kind: str) -> bool:
    """Whether somebody waits at a screen for a message of this kind."""
    known = kinds().get(kind)
    return known is not None and known.awaited


def _text(said: Mapping[str, Any]) -> Text:
    return Text(said["subject"], tuple(said["lines"]), said.get("sms"))


@dataclass(frozen=True, slots=True, repr=False)
class Worded:
    """What one person is told: subject and paragraphs; an SMS is one paragraph without a subject."""

    subject: str
    paragraphs: tuple[str, ...]


def check_message(kind: str, channel: Channel, addressed: Addressed) -> Worded:
    """The words of one message. Raises KindUnknownError and ValuesUnfitError, which quote nothing."""
    known = kinds().get(kind)
    if known is None or not known.has(channel):
        raise KindUnknownError
    text = known.text(addressed.language)
    if channel != "sms" or text.sms is None:
        lines = [_filled(line, addressed, short=False) for line in text.lines]
        return Worded(text.subject, tuple(lines))
    sms = _filled(text.sms, addressed, short=True).replace(UNBROKEN, " ")
    if len(sms) > LONGEST_SMS or not GSM.issuperset(sms):
        raise ValuesUnfitError
    return Worded("", (sms,))


def _filled(template: str, addressed: Addressed, *, short: bool) -> str:
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    if not addressed.values.keys() >= set(names):
        raise ValuesUnfitError
    return template.format_map(
        {name: shown(name, addressed.values[name], addressed.language, short=short) for name in names}
    )
