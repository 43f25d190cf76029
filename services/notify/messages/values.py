"""The values of codes, notices and letters: checks them and formats them for readers, with times in Europe/Paris."""

import re
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time

from services.notify.domain import Language
from shared.errors import PermanentError

PARIS = ZoneInfo("Europe/Paris")
MAX_DEVICE_LENGTH = 60
NO_BREAK_SPACE = "\xa0"
"""Separates the groups of a code while lines are wrapped; a plain space replaces it before the message is sent."""
_LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}
_CODE = re.compile(r"[A-Za-z0-9_-]{4,64}")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Without a query, which could identify a person. Plain HTTP is for the local machine only.
_URL = re.compile(
    r"(https://[a-z0-9-]+(\.[a-z0-9-]+)*|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9/_-]*)?", re.ASCII
)
_UTC = re.compile(r" ?UTC\Z")
_NOT_A_NAME = re.compile(r"[^\w ()+.,-]|_")
_NOT_A_NUMBER = re.compile(r"(?<![0-9])\.|\.(?![0-9])")


class ValuesUnfitError(PermanentError):
    """A value that this kind of message needs is missing or invalid."""

    code = "message-values-unfit"


def displayed_value(name: str, value: str, language: Language, *, short: bool) -> str:
    """Returns a value as readers see it; `short` for an SMS. Raises ValuesUnfitError, which quotes no value."""
    return _FORMATTERS[name](value, language, short)


def _format_code(value: str, _: Language, __: bool) -> str:
    """Formats a code in groups (123 456); a code with punctuation stays unchanged."""
    if _CODE.fullmatch(value) is None:
        raise ValuesUnfitError
    if not value.isalnum() or len(value) < 6:
        return value
    group_size = 3 if len(value) in (6, 9) else 4
    return NO_BREAK_SPACE.join(value[start : start + group_size] for start in range(0, len(value), group_size))


def _format_count(value: str, _: Language, __: bool) -> str:
    if _COUNT.fullmatch(value) is None:
        raise ValuesUnfitError
    return value


def _format_url(value: str, _: Language, __: bool) -> str:
    if len(value) > 100 or _URL.fullmatch(value) is None:
        raise ValuesUnfitError
    return value


def _format_moment(value: str, language: Language, short: bool) -> str:
    """Formats an ISO 8601 day, or a time with an offset or `UTC`: `1 mars 2026 à 14:05`, short `01/03/2026 14:05`."""
    locale = _LOCALES[language]
    try:
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
            return format_date(day, "dd/MM/yyyy", locale) if short else long_date(day, language)
        moment = datetime.fromisoformat(_UTC.sub("+00:00", value))
    except ValueError:
        raise ValuesUnfitError from None  # the cause quotes the value
    if moment.tzinfo is None:
        raise ValuesUnfitError
    if short:
        return format_datetime(moment, "dd/MM/yyyy HH:mm", PARIS, locale)
    at = "à" if language == "fr" else "at"
    local = moment.astimezone(PARIS)
    return f"{long_date(local.date(), language)} {at} {format_time(local, 'HH:mm', PARIS, locale)}"


def _format_device(value: str, language: Language, _: bool) -> str:
    """Cleans the name that an unknown browser gave itself. Refuses none, since that would suppress the warning."""
    name = _NOT_A_NUMBER.sub(" ", _NOT_A_NAME.sub(" ", value[:1000]))
    cleaned = " ".join(name.split())[:MAX_DEVICE_LENGTH].strip()
    return cleaned or ("inconnu" if language == "fr" else "unknown")


def long_date(day: date, language: Language) -> str:
    """Formats a day: `1 mars 2026`, `1 March 2026`."""
    return format_date(day, "d MMMM y", _LOCALES[language])


_FORMATTERS: dict[str, Callable[[str, Language, bool], str]] = {
    "code": _format_code,
    "minutes": _format_count,
    "hours": _format_count,
    "valid_until": _format_moment,
    "deadline": _format_moment,
    "when": _format_moment,
    "url": _format_url,
    "device": _format_device,
}
