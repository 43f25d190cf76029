"""The refusals of every service exist in French too, for patients, pharmacists and agents."""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import services.audit
import services.consent
import services.identity
import services.notify
import services.records
import shared
from shared.errors import ClientError
from shared.http.field_errors import FORMS, SENTENCES

FOR_SOFTWARE_ALONE = (
    *("shared.cda", "shared.fhir", "shared.xdm"),
    *("shared.messaging.redrive", "shared.messaging.dead_letters", "shared.messaging.offset_routes"),
    "shared.messaging.outbox",
)
"""Formats and dead letters, whose messages only programs and operators read."""


SPEAKING = (services.audit, services.consent, services.identity, services.notify, services.records, shared)


def _known(kind: type[ClientError]) -> Iterator[type[ClientError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _known(subclass)


def _errors() -> list[type[ClientError]]:
    for package in SPEAKING:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    ours = tuple(module.__name__ for module in SPEAKING)
    errors = {error for error in _known(ClientError) if error.__module__.startswith(ours)}
    return sorted(
        (error for error in errors if not error.__module__.startswith(FOR_SOFTWARE_ALONE)),
        key=lambda error: error.__qualname__,
    )


@pytest.mark.parametrize("kind", _errors(), ids=lambda kind: kind.__name__)
def test_each_refusal_has_a_code_a_sentence_and_the_same_in_french(kind: type[ClientError]) -> None:
    french = kind.__dict__.get("french")
    assert kind.code
    assert (kind.__doc__ or "").strip()
    assert french, "a subclass inherits no sentence: it says something else"
    assert french != kind.__doc__
    assert french.endswith((".", "»"))


ROOT = Path(__file__).parents[2]
GENDERED = re.compile(
    r"\w\(e\)|\w·e|\w\(ne\)|vous (n’|n')?êtes( pas| plus)? (connecté|inscrit|authentifié|invité|majeur|bloqué|seul)\b"
    r"|vous a(vons|)? (informé|connecté|invité|bloqué)\b|\bvous seul\b|\bné le\b"
    r"|\b(le|du|au|un|son|ce|seul) (patient|titulaire|mineur|majeur|représentant|aidant|assuré|proche|citoyen|usager)\b"
    r"|\b(l’|l'|d’|d'|[Cc]et |[Uu]n |comme |propre )(aidant|assuré|usager)\b|\b[Ll]es patients\b",
    re.IGNORECASE,
)
"""Forms of one gender for readers. "Professionnel", "médecin" and "demandeur" name others, by terms of the law."""


def _texts_of_tables(node: Any) -> Iterator[str]:
    """Yields each French text of a table that has texts in `fr` and `en`."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _strings(value) if name == "fr" else _texts_of_tables(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts_of_tables(value)


def _strings(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield node
        case dict():
            for value in node.values():
                yield from _strings(value)
        case list():
            for value in node:
                yield from _strings(value)


def _french() -> list[str]:
    tables = [tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOT / "services").rglob("*.toml"))]
    texts = [text for table in tables for text in _texts_of_tables(table)]
    texts += [french for _, french in (*SENTENCES.values(), *FORMS.values())]
    return texts + [error.__dict__["french"] for error in _errors() if error.__dict__.get("french")]


def test_no_french_text_has_a_form_of_one_gender_for_its_reader() -> None:
    assert [text for text in _french() if GENDERED.search(text)] == []


def test_french_signs_of_two_parts_stand_after_a_blank() -> None:
    texts = [re.sub(r"https?://\S+|urn:\S+|\w+:\w|[A-Z_]+: ", "", text) for text in _french()]
    assert [text for text in texts if re.search(r"[^\s:_.][;!?](\s|$)|[a-zéè»]:\s", text)] == []


def test_there_are_french_texts_to_look_at() -> None:
    assert len(_french()) > 400


def test_there_are_refusals_to_look_at() -> None:
    assert len(_errors()) > 100
