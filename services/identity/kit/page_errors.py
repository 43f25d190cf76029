"""Puts errors of use cases into the words of a form."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from shared.errors import ClientError
from shared.web.forms import FieldErrors, Form
from shared.web.languages import language_of

LONGEST_TYPED: Final = 1000
"""Characters of a field; what is longer is cut, and then refused or wrong."""


def message_of(request: Request, error: ClientError) -> str:
    """Returns what an error says to a person, in the language of the page."""
    return (error.in_french() if language_of(request) == "fr" else None) or str(error)


def field_error(error: ClientError, fields: Mapping[str, tuple[str, str]]) -> FieldErrors | None:
    """Returns the error beside its field, or None for one that the form has no place for.

    `fields`: by the code of an error, the field and the key of its text.
    """
    if error.code not in fields:
        return None
    errors = FieldErrors()
    errors.add(*fields[error.code])
    return errors


def typed(form: Form, name: str) -> str:
    """Returns a field exactly as it was typed: blanks belong to a password."""
    return next((value for key, value in reversed(form.fields) if key == name), "")[:LONGEST_TYPED]
