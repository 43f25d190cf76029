"""The language of a page: the reader's choice, else what the browser prefers, else French."""

from typing import Final, Literal, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request, cookie_parser
from starlette.types import Scope

from shared.http.problems import language_weights

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
COOKIE: Final = "lang"
PARAMETER: Final = "lang"
_LANGUAGE: Final = "dmp.language"


def chosen_language(scope: Scope) -> Language | None:
    """Returns the language that the query of this request chooses; None if it chooses none."""
    return _language(QueryParams(scope["query_string"]).get(PARAMETER))


def set_language(scope: Scope) -> Scope:
    """Returns the scope with the reader's language, which also becomes its Accept-Language: errors are worded by it."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    cookies = cookie_parser(headers.get(b"cookie", b"").decode("latin-1"))
    weights = language_weights(headers.get(b"accept-language", b"").decode("latin-1"))
    usual: Language = "en" if weights["en"] > weights["fr"] else "fr"
    language = chosen_language(scope) or _language(cookies.get(COOKIE)) or usual
    others = [(name, value) for name, value in scope["headers"] if name != b"accept-language"]
    return {**scope, _LANGUAGE: language, "headers": [*others, (b"accept-language", language.encode())]}


def language_of(request: Request) -> Language:
    """Returns the language of the page that answers this request."""
    language: Language = request.scope.get(_LANGUAGE, "fr")
    return language


def _language(text: str | None) -> Language | None:
    return next((language for language in LANGUAGES if language == text), None)
