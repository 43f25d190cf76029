"""Dates, numbers and sizes as the reader's language writes them; times in French time."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from shared.moments import FRANCE
from shared.web.languages import LANGUAGES, Language

_LOCALES: Final[Mapping[Language, Locale]] = {"fr": Locale("fr"), "en": Locale("en", "GB")}
_UNITS: Final[Mapping[Language, tuple[str, str, str]]] = {"fr": ("octets", "Ko", "Mo"), "en": ("bytes", "KB", "MB")}
_KILO: Final = 1000


def formats_for(language: Language) -> dict[str, Callable[..., str]]:
    """Returns the functions of templates that format values in this language."""
    locale = _LOCALES[language]

    def day(value: date) -> str:
        at = value.astimezone(FRANCE) if isinstance(value, datetime) else value
        return format_date(at, "d MMMM y", locale)

    def moment(value: datetime) -> str:
        pattern = "d MMMM y 'à' HH:mm" if language == "fr" else "d MMMM y 'at' HH:mm"
        return format_datetime(value.astimezone(FRANCE), pattern, locale=locale)

    def number(value: float, digits: int = 3) -> str:
        return format_decimal(round(value, digits), locale=locale)

    def file_size(size: int) -> str:
        octets, kilo, mega = _UNITS[language]
        if size < _KILO:
            return f"{size}\N{NO-BREAK SPACE}{octets}"
        if size < _KILO**2:
            return f"{format_decimal(round(size / _KILO), locale=locale)}\N{NO-BREAK SPACE}{kilo}"
        return f"{format_decimal(round(size / _KILO**2, 1), locale=locale)}\N{NO-BREAK SPACE}{mega}"

    return {"day": day, "moment": moment, "number": number, "file_size": file_size}


FORMATS: Final = {language: formats_for(language) for language in LANGUAGES}
