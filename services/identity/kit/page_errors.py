"""Puts errors of use cases into the words of a form."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from shared.errors import ClientError
from shared.web.forms import FieldErrors
from shared.web.languages import language_of

FIELD: Final = ""
"""The field of an error that concerns the whole form."""


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
