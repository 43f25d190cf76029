"""Telephone numbers as people type them, in one form (ITU-T E.164), by the numbering plans of Google's libphonenumber.

A number without a country code is French: of the mainland, or of the overseas departments, which have country codes of
their own (0690 12 34 56 is +590 690 12 34 56).
"""

import re
from typing import TYPE_CHECKING, Final

from shared.human_text import compact_code

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_FRENCH_REGIONS: Final = ("FR", "GP", "RE", "MQ", "GF", "YT")
"""The mainland; Guadeloupe with Saint-Martin and Saint-Barthélemy, La Réunion, Martinique, Guyane, Mayotte."""
_COUNTRIES: Final = {
    **dict.fromkeys(("0262", "0263", "0269", "0639", "0692", "0693"), 262),
    **dict.fromkeys(("0590", "0690", "0691"), 590),
    **dict.fromkeys(("0594", "0694"), 594),
    **dict.fromkeys(("0596", "0696", "0697"), 596),
    "063998": 33,  # for films and examples: nobody has one
}
"""Country codes by the first digits that the national numbering plan gives to overseas departments (ARCEP, decision
2018-0881); the library does not know all of their numbers, and takes some for numbers of the mainland."""
_FRENCH_CODES: Final = frozenset({33, *_COUNTRIES.values()})
_BRACKETS: Final = str.maketrans("", "", "()/")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)([1-9]\d{5,15})", re.ASCII)
_NATIONAL: Final = re.compile(r"0[1-9]\d{8}", re.ASCII)
_MAX_LENGTH: Final = 64


def telephone_number(text: str) -> str | None:
    """Returns the number as E.164 (`+33612345678`), or None for what is no telephone number.

    Takes international forms (`+` or `00`, also `+33 (0)6 ...`) and the ten digits of French numbers, with any blanks,
    dots, hyphens and brackets. French numbers under another French country code than their own are corrected.
    """
    number = _parsed(text)
    return None if number is None else _e164(number)


def mobile_number(text: str) -> str | None:
    """Returns the number as E.164 if it can receive SMS, or None. Takes what `telephone_number` takes.

    A foreign number whose kind the library does not know counts as a mobile number.
    """
    number = _parsed(text)
    return _e164(number) if number is not None and _is_mobile(number) else None


def _parsed(text: str) -> "PhoneNumber | None":
    from phonenumbers import NumberParseException, parse

    if len(text) > _MAX_LENGTH:
        return None
    bare = compact_code(text).translate(_BRACKETS)
    if _NATIONAL.fullmatch(bare):
        return _in_its_region(bare)
    match = _INTERNATIONAL.fullmatch(bare)
    if match is None:
        return None
    try:
        number = parse(f"+{match[1]}")
    except NumberParseException:
        return None
    return _checked(number)


def _checked(number: "PhoneNumber") -> "PhoneNumber | None":
    """Returns a number of any country, a French one under its own country code; None for one that cannot be."""
    from phonenumbers import ValidationResult, is_possible_number_with_reason, is_valid_number

    national = f"0{number.national_number}"
    if number.country_code in _FRENCH_CODES and _NATIONAL.fullmatch(national):
        is_overseas = _country_of(national) is not None
        return number if is_valid_number(number) and not is_overseas else _in_its_region(national)
    return number if is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE else None


def _in_its_region(national: str) -> "PhoneNumber | None":
    """Returns a French number of ten digits under the country code of its part of France, or None."""
    from phonenumbers import PhoneNumber, is_valid_number, parse

    country = _country_of(national)
    if country is not None:
        return PhoneNumber(country_code=country, national_number=int(national))
    numbers = (parse(national, region) for region in _FRENCH_REGIONS)
    return next((number for number in numbers if is_valid_number(number)), None)


def _country_of(national: str) -> int | None:
    return _COUNTRIES.get(national[:6]) or _COUNTRIES.get(national[:4])


def _is_mobile(number: "PhoneNumber") -> bool:
    from phonenumbers import PhoneNumberType, number_type

    if number.country_code in _FRENCH_CODES:
        return str(number.national_number)[0] in "67"
    return number_type(number) in {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.UNKNOWN,
    }


def _e164(number: "PhoneNumber") -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(number, PhoneNumberFormat.E164)
