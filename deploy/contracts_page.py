"""Generates `docs/contracts.md`, the page on the enumerations of the contracts."""

from collections.abc import Iterator

from shared.contracts.open_enumerations import ENUMERATIONS

_HEAD = """# Enumerations of the contracts

Generated from `shared/contracts/open_enumerations.py` by `python -m deploy.generate`.

Only optional fields, values of enumerations and event types are ever added to a topic; anything else is a new topic.
While a release is rolled out, a consumer may meet a value that it does not know. What it does then:

- An unknown value is never a right, and what cannot be checked is neither refused nor "not found".
- *handled*: as the last column says. *quarantined*: an entry of the ledger says that a message could not be used.
- *dead-letter*: the message waits for a release that knows the value, and is then redriven.
- *copy-broken*: nobody is served from the copy of that key until a version comes that can be read.

| event | field | group | a value that is not known | what it means |
|---|---|---|---|---|
"""


def contracts_page() -> str:
    """Returns the page as Markdown."""
    return _HEAD + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    for enumeration in ENUMERATIONS:
        events = ", ".join(event.__name__ for event in enumeration.events)
        for group, unknown in enumeration.unknown.items():
            yield f"| {events} | `{enumeration.path}` | `{group}` | {unknown.policy} | {unknown.meaning} |"
