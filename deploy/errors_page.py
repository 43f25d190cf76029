"""Generates `docs/errors.md`, the catalogue of the errors that callers of the APIs receive."""

import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import services
import shared
from shared.contracts.declarations import SERVICES
from shared.errors import ClientError

_HEAD = """# Errors

Generated from the error classes by `python -m deploy.generate`.

Every error has a stable code: in `code` of a problem (RFC 9457, `application/problem+json`), and on FHIR routes in
`issue.details.coding` of an OperationOutcome. The text says what is wrong and what to do; it is French where
`Accept-Language` prefers French. Texts may change, codes do not. A text here is the usual one: an answer may add what
it knows, such as the place in a Bundle. `Retry-After` says when another attempt makes sense.
"""


def errors_page() -> str:
    """Returns the page as Markdown: the errors of all services, then those of each service, by status and code."""
    return _HEAD + "".join(_section(owner, errors) for owner, errors in _errors_by_owner().items() if errors)


def _errors_by_owner() -> dict[str, set[type[ClientError]]]:
    for package in (services, shared):
        _import_all(package)
    by_owner: dict[str, set[type[ClientError]]] = {owner: set() for owner in ("all services", *SERVICES)}
    for error in _subclasses(ClientError):
        names = error.__module__.split(".")
        if names[0] in ("services", "shared"):
            by_owner[names[1] if names[0] == "services" else "all services"].add(error)
    return by_owner


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)


def _subclasses(error: type[ClientError]) -> Iterator[type[ClientError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _subclasses(subclass)


def _section(owner: str, errors: set[type[ClientError]]) -> str:
    texts: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
    for error in sorted(errors, key=lambda error: (error.__module__, error.__qualname__)):
        english = _line(error.__doc__)
        texts[error.status, error.code].setdefault(english, _line(vars(error).get("french")))
    rows = [
        f"| {status} | `{code}` | {'<br>'.join(pairs)} | {'<br>'.join(filter(None, pairs.values())) or '-'} |"
        for (status, code), pairs in sorted(texts.items())
    ]
    title = owner[0].upper() + owner[1:] if " " in owner else owner
    return f"\n## {title}\n\n| status | code | English | French |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _line(text: object) -> str:
    return " ".join(text.split()).replace("|", "\\|") if isinstance(text, str) else ""
