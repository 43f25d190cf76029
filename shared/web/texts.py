"""The words of the pages, French and English side by side in `texts.toml` files."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Final

from babel import Locale
from babel.plural import PluralRule

from shared.web.languages import LANGUAGES, Language

_PLURALS: Final[Mapping[Language, PluralRule]] = {language: Locale(language).plural_form for language in LANGUAGES}
_BEFORE: Final = re.compile(" ([:;?!»])")
"""What never begins a line in French."""
FILE: Final = "templates/texts.toml"


class TextsError(ValueError):
    """A file of texts is not what it must be: a key stands twice, or lacks a language."""


def read_texts(packages: Iterable[str]) -> dict[str, Mapping[Language, str]]:
    """Returns the texts of these packages by key (`table.key`). Raises TextsError."""
    texts: dict[str, Mapping[Language, str]] = {}
    for package in packages:
        file = resources.files(package) / FILE
        for key, text in _flat(tomllib.loads(file.read_text("utf-8"))):
            if key in texts or text.keys() != {*LANGUAGES}:
                raise TextsError(f"{package}: {key}")
            texts[key] = {**text, "fr": _BEFORE.sub("\N{NO-BREAK SPACE}\\1", text["fr"])}
    return texts


def _flat(tables: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, dict[Language, str]]]:
    for table, keys in tables.items():
        for key, text in keys.items():
            yield f"{table}.{key}", text


def word(text: str, language: Language, values: Mapping[str, Any]) -> str:
    """Returns the text with its values. Two forms with `|` between them: the one that fits the number `n`."""
    if "|" in text:
        singular, plural = text.split("|")
        text = singular if _PLURALS[language](values["n"]) == "one" else plural
    return text.format_map(values)
