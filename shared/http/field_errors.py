"""Words the errors of fields in a request as sentences, in English and French. A sentence names the field and what is
right there, never the value."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.contracts.base import CODE_PATTERN

_Texts = tuple[str, str]
"""An English and a French predicate of a field; `{...}` are limits that pydantic states."""
_DAY: Final = ("must be a day such as 2026-03-12", "doit être un jour tel que 2026-03-12")
_MOMENT: Final = (
    "must be a date and time with its zone, such as 2026-03-12T09:30:00Z",
    "doit être une date et une heure avec leur fuseau, telles que 2026-03-12T09:30:00Z",
)
_TIME: Final = ("must be a time such as 09:30:00", "doit être une heure telle que 09:30:00")
_DURATION: Final = ("must be a duration such as PT15M", "doit être une durée telle que PT15M")
_WHOLE: Final = ("must be a whole number", "doit être un nombre entier")
_NUMBER: Final = ("must be a number", "doit être un nombre")
_BOOLEAN: Final = ("must be true or false", "doit être true ou false")
_TEXT: Final = ("must be a text", "doit être un texte")
_LIST: Final = ("must be a list", "doit être une liste")
_OBJECT: Final = ("must be a JSON object", "doit être un objet JSON")
_UUID: Final = ("must be a UUID", "doit être un UUID")
_URL: Final = ("must be a URL such as https://example.org/", "doit être une URL telle que https://example.org/")
_ONE_OF: Final = ("must be one of {expected}", "doit être l’une des valeurs {expected}")
_NULL: Final = ("must be null or left out", "doit être null ou absent")
SENTENCES: Final[Mapping[str, _Texts]] = {
    "missing": ("is missing", "manque"),
    "missing_argument": ("is missing", "manque"),
    "field_needed": ("needs a known value in {field}", "demande une valeur connue dans {field}"),
    "extra_forbidden": ("is not known here; leave it out", "n’est pas connu ici ; retirez-le"),
    "none_required": _NULL,
    "json_invalid": ("is not valid JSON", "n’est pas du JSON valable"),
    "json_type": ("is not valid JSON", "n’est pas du JSON valable"),
    "string_type": _TEXT,
    "string_unicode": ("must be a text in Unicode", "doit être un texte en Unicode"),
    "string_too_short": ("must have at least {min_length} characters", "doit compter au moins {min_length} caractères"),
    "string_too_long": ("must have at most {max_length} characters", "doit compter au plus {max_length} caractères"),
    "string_pattern_mismatch": ("must be {form}", "doit être {form}"),
    "literal_error": _ONE_OF,
    "enum": _ONE_OF,
    "union_tag_not_found": ("must name its kind in {discriminator}", "doit nommer son genre dans {discriminator}"),
    "union_tag_invalid": (
        "must name one of these kinds in {discriminator}: {expected_tags}",
        "doit nommer l’un de ces genres dans {discriminator} : {expected_tags}",
    ),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": ("is too large", "est trop grand"),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "greater_than": ("must be greater than {gt}", "doit être supérieur à {gt}"),
    "greater_than_equal": ("must be at least {ge}", "doit être au moins {ge}"),
    "less_than": ("must be less than {lt}", "doit être inférieur à {lt}"),
    "less_than_equal": ("must be at most {le}", "doit être au plus {le}"),
    "multiple_of": ("must be a multiple of {multiple_of}", "doit être un multiple de {multiple_of}"),
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "date_past": ("must be a day in the past", "doit être un jour passé"),
    "date_future": ("must be a day in the future", "doit être un jour à venir"),
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": ("must lie in the past", "doit être dans le passé"),
    "datetime_future": ("must lie in the future", "doit être dans l’avenir"),
    "timezone_aware": _MOMENT,
    "timezone_offset": _MOMENT,
    "time_type": _TIME,
    "time_parsing": _TIME,
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": _UUID,
    "url_type": _URL,
    "url_parsing": _URL,
    "url_syntax_violation": _URL,
    "url_scheme": _URL,
    "url_too_long": _URL,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": (
        "has too few entries; the minimum is {min_length}",
        "compte trop peu d’entrées ; le minimum est {min_length}",
    ),
    "too_long": (
        "has too many entries; the maximum is {max_length}",
        "compte trop d’entrées ; le maximum est {max_length}",
    ),
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "bytes_type": _TEXT,
    "bytes_too_long": ("must have at most {max_length} bytes", "doit compter au plus {max_length} octets"),
}
_EMPTY: Final = ("must not be empty", "ne doit pas être vide")
_OTHER: Final = ("is not valid", "n’est pas valable")
FORMS: Final[Mapping[str, _Texts]] = {
    r"^[0-9]{6}$": ("a code of six digits", "un code de six chiffres"),
    r"^[0-9]{6}([0-9]{2})?$": (
        "a code of six digits, or of eight on paper",
        "un code de six chiffres, ou de huit sur papier",
    ),
    r"^[0-9A-Za-z]{6,24}$": ("6 to 24 letters and digits", "une suite de 6 à 24 lettres et chiffres"),
    r"^(active|inactive)$": ("active or inactive", "active ou inactive"),
    r"^(?:Patient/)?[0-9a-fA-F-]{36}$": (
        "Patient/ and the id of a record",
        "Patient/ suivi de l’identifiant d’un dossier",
    ),
    r"^[a-z0-9]+(-[a-z0-9]+)*$": (
        "a code of lower-case letters, digits and hyphens",
        "un code en lettres minuscules, chiffres et traits d’union",
    ),
    r"^[^\x00-\x1f\x7f-\x9f]+$": ("a text without control characters", "un texte sans caractère de contrôle"),
    r"^[0-9.]+$": ("an OID: numbers and dots", "un OID : des nombres et des points"),
    r"^[0-9a-f]{64}$": ("a SHA-256: 64 digits and letters a to f", "un SHA-256 : 64 chiffres et lettres de a à f"),
    r"^G15_10/S[A-Z]{1,2}[0-9]{2}$": ("a doctor's role: G15_10/SM26", "un rôle de médecin : G15_10/SM26"),
    r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$": (
        "a day, month or year: 2026-03-12, 2026-03 or 2026",
        "un jour, un mois ou une année : 2026-03-12, 2026-03 ou 2026",
    ),
    r"^[!-~]+$": ("characters of ASCII without blanks", "des caractères ASCII sans espace"),
    CODE_PATTERN: (
        "a code: a letter or digit, then letters, digits and . _ : -",
        "un code : une lettre ou un chiffre, puis des lettres, des chiffres et . _ : -",
    ),
}
"""The patterns of fields, in words."""
_OTHER_FORM: Final = (
    "of the form that the API's description states",
    "de la forme indiquée par la description de l’API",
)
_UNENCODED_PLUS: Final = (
    "In a URL an unencoded plus (+) stands for a blank: send %2B, or the time in UTC with Z.",
    "Dans une URL, un plus (+) non codé vaut un blanc : envoyez %2B, ou l’heure en UTC avec Z.",
)
_FIELD: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")
_MAX_ERRORS: Final = 10


def fields_message(errors: Iterable[Mapping[str, Any]], *, french: bool) -> str:
    """Returns what is wrong with a request and what is right there, from the errors of pydantic."""
    items = list(errors)[:_MAX_ERRORS]
    sentences = sorted({_sentence(item, french=french) for item in items})
    begin = "À corriger dans la demande : " if french else "To correct in the request: "
    advice = f" {_UNENCODED_PLUS[french]}" if any(map(_may_lack_a_plus, items)) else ""
    return f"{begin}{(' ; ' if french else '; ').join(sentences)}.{advice}"


def _sentence(item: Mapping[str, Any], *, french: bool) -> str:
    kind, context = str(item["type"]), dict(item.get("ctx", {}))
    place = item["loc"][:1] if kind == "json_invalid" else item["loc"][:6]
    texts = SENTENCES.get(kind, _OTHER)
    if kind == "string_too_short" and context.get("min_length") == 1:
        texts = _EMPTY
    if kind == "string_pattern_mismatch":
        context["form"] = FORMS.get(context["pattern"], _OTHER_FORM)[french]
    if french and "expected" in context:
        context["expected"] = str(context["expected"]).replace(" or ", " ou ")
    return f"{'.'.join(map(_field, place))} {texts[french].format_map(context)}"


def _field(part: object) -> str:
    """Returns a part of a field's place; a name that the caller made up and that is no name of a field is left out."""
    return str(part) if _FIELD.fullmatch(str(part)) else "…"


def _may_lack_a_plus(item: Mapping[str, Any]) -> bool:
    """Returns whether a date of the URL holds a blank, as one with an unencoded plus before its zone does."""
    is_date = item["type"].startswith(("datetime", "date", "time"))
    return is_date and item["loc"][0] == "query" and isinstance(item["input"], str) and " " in item["input"]
