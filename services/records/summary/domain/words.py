"""The words of the sheet in its languages, from texts.toml."""

import re
import tomllib
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from babel.dates import format_date

from services.records.summary.domain.sheet import Language
from shared.moments import FRANCE

_ROOM: Final = "services.records.summary.domain"
_LOCALES: Final[dict[Language, str]] = {"fr": "fr", "en": "en_GB"}
_SHAPES: Final = {4: "y", 7: "MMMM y"}
"""How a date is written by the length of its ISO 8601 text; a whole day otherwise."""
_BEFORE, _AFTER = re.compile(r" (?=[:;!?»])"), re.compile(r"(?<=«) ")
_DAY: Final = "d MMM y"
_TIME_AT: Final = 11


@cache
def word_table() -> dict[str, dict[str, str]]:
    """Returns the words by name, each in `fr` and `en`. French punctuation keeps to its word by a no-break space."""
    table = tomllib.loads((files(_ROOM) / "texts.toml").read_text("utf-8"))
    return {
        name: {**texts, "fr": _BEFORE.sub("\u00a0", _AFTER.sub("\u00a0", texts["fr"]))} for name, texts in table.items()
    }


class Words:
    """The words of a language."""

    __slots__ = ("language",)

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def __call__(self, name: str, **values: object) -> str:
        """Returns the words of this name with the values in their places. Raises KeyError."""
        return word_table()[name][self.language].format(**values)

    def has(self, name: str) -> bool:
        """Whether there are words of this name."""
        return name in word_table()

    def day(self, day: date) -> str:
        """Returns a day in words."""
        text = format_date(day, _DAY, locale=_LOCALES[self.language])
        return f"1er{text[1:]}" if self.language == "fr" and day.day == 1 else text

    def day_of(self, moment: datetime) -> str:
        """Returns the day of a moment in words, in French time."""
        return self.day(moment.astimezone(FRANCE).date())

    def moment(self, moment: datetime) -> str:
        """Returns a moment in words, in French time."""
        local = moment.astimezone(FRANCE)
        return f"{self.day(local.date())}, {local:%H:%M}"

    def iso(self, text: str) -> str:
        """Returns an ISO 8601 text, such as those of FactTime, in words and as precisely."""
        if len(text) >= _TIME_AT:
            moment = datetime.fromisoformat(text)
            return f"{self.day(moment.date())}, {moment:%H:%M}"
        shape = _SHAPES.get(len(text))
        if shape is None:
            return self.day(date.fromisoformat(text))
        return format_date(date.fromisoformat(f"{text}-01-01"[: _TIME_AT - 1]), shape, locale=_LOCALES[self.language])
