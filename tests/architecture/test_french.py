"""The refusals of every service exist in French too, for patients, pharmacists and agents."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import services.audit
import services.consent
import services.identity
import services.records
import shared
from shared.errors import ClientError

FOR_SOFTWARE_ALONE = (
    *("shared.cda", "shared.fhir"),
    *("shared.messaging.redrive", "shared.messaging.dead_letters", "shared.messaging.outbox"),
)
"""Formats and dead letters, whose messages only programs and operators read."""


SPEAKING = (services.audit, services.consent, services.identity, services.records, shared)


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


def test_there_are_refusals_to_look_at() -> None:
    assert len(_errors()) > 100
