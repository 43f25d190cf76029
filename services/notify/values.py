"""The values of codes, notices and letters: what may stand in them, and how people read them, in Europe/Paris."""

import re
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time

from services.notify.domain import Language
from shared.errors import PermanentError

PARIS = ZoneInfo("Europe/Paris")
LONGEST_DEVICE = 60
UNBROKEN = "\xa0"
"""Between the groups of a code, so that no line ends there; a plain space in what is sent, where it may be copied."""
_LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}
_CODE = re.compile(r"[A-Za-z0-9_-]{4,64}")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Without a query: nothing that tells whose it is. Plain HTTP on one machine only.
_URL = re.compile(
    r"(https://[a-z0-9-]+(\.[a-z0-9-]+)*|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9/_-]*)?", re.ASCII
)
_UTC = re.compile(r" ?UTC\Z")
_NOT_A_NAME = re.compile(r"[^\w ()+.,-]|_")
_NOT_A_NUMBER = re.compile(r"(?<![0-9])\.|\.(?![0-9])")


class ValuesUnfitError(PermanentError):
    """A value that this kind needs is missing, or is not what it should be."""

    code = "message-values-unfit"


def shown(name: str, value: str, language: Language, *, short: bool) -> str:
    """One value as people read it; `short` for an SMS. Raises ValuesUnfitError, which quotes nothing."""
    return _SHOWN[name](value, language, short)


def _code(value: str, _: Language, __: bool) -> str:
    """In groups (123 456); one that has signs of its own is left as it is."""
    if _CODE.fullmatch(value) is None:
        raise ValuesUnfitError
    if not value.isalnum() or len(value) < 6:
        return value
    size = 3 if len(value) in (6, 9) else 4
    return UNBROKEN.join(value[at : at + size] for at in range(0, len(value), size))


def _count(value: str, _: Language, __: bool) -> str:
    if _COUNT.fullmatch(value) is None:
        raise ValuesUnfitError
    return value


def _url(value: str, _: Language, __: bool) -> str:
    if len(value) > 100 or _URL.fullmatch(value) is None:
        raise ValuesUnfitError
    return value


def _moment(value: str, language: Language, short: bool) -> str:
    """A day, or a time with its offset or `UTC`, as ISO 8601. `1 mars 2026 à 14:05`; short `01/03/2026 14:05`."""
    locale = _LOCALES[language]
    try:
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
            return format_date(day, "dd/MM/yyyy", locale) if short else shown_day(day, language)
        moment = datetime.fromisoformat(_UTC.sub("+00:00", value))
    except ValueError:
        raise ValuesUnfitError from None  # the cause quotes the value
    if moment.tzinfo is None:
        raise ValuesUnfitError
    if short:
        return format_datetime(moment, "dd/MM/yyyy HH:mm", PARIS, locale)
    at = "à" if language == "fr" else "at"
    local = moment.astimezone(PARIS)
    return f"{shown_day(local.date(), language)} {at} {format_time(local, 'HH:mm', PARIS, locale)}"


def _device(value: str, language: Language, _: bool) -> str:
    """Whatever a stranger's browser called itself: never refused, since that would silence the warning, but no link."""
    name = _NOT_A_NUMBER.sub(" ", _NOT_A_NAME.sub(" ", value[:1000]))
    kept = " ".join(name.split())[:LONGEST_DEVICE].strip()
    return kept or ("inconnu" if language == "fr" else "unknown")


def shown_day(day: date, language: Language) -> str:
    """`1 mars 2026`, `1 March 2026`."""
    return format_date(day, "d MMMM y", _LOCALES[language])


_SHOWN: dict[str, Callable[[str, Language, bool], str]] = {
    "code": _code,
    "minutes": _count,
    "hours": _count,
    "valid_until": _moment,
    "deadline": _moment,
    "when": _moment,
    "url": _url,
    "device": _device,
}
