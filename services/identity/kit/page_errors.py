"""Shows a form again, with the errors of use cases in its words."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from shared.errors import ClientError, OverloadedError, SessionOverError
from shared.web.forms import FieldErrors, Form
from shared.web.pages import Page, message_of, pages_of

LONGEST_TYPED: Final = 1000
"""Characters of a field; what is longer is cut, and then refused or wrong."""


Fields = Mapping[str, tuple[str, str]]
"""By the code of an error, the field beside which it stands and the key of its text."""


def form_page(
    request: Request,
    template: str,
    form: Form | None = None,
    errors: FieldErrors | None = None,
    *,
    problem: str = "",
    status: int = 200,
    **values: Any,
) -> Page:
    """Returns the page of a form. `problem`: what stands above the form, because no field is wrong."""
    words = {"errors": errors or FieldErrors(), "problem": problem, "form": form or Form()}
    return pages_of(request).page(request, template, status=status, **words, **values)


def form_again(
    request: Request, template: str, error: ClientError, fields: Fields, form: Form | None = None, **values: Any
) -> Page:
    """Returns the page with the error beside its field, or above the form. Raises errors that no form mends."""
    if isinstance(error, OverloadedError | SessionOverError):
        raise error
    errors = field_error(error, fields)
    problem = "" if errors else message_of(request, error)
    return form_page(request, template, form, errors, problem=problem, status=error.status, **values)


def field_error(error: ClientError, fields: Fields) -> FieldErrors | None:
    """Returns the error beside its field, or None for one that the form has no place for."""
    if error.code not in fields:
        return None
    errors = FieldErrors()
    errors.add(*fields[error.code])
    return errors


def typed(form: Form, name: str) -> str:
    """Returns a field exactly as it was typed: blanks belong to a password."""
    return next((value for key, value in reversed(form.fields) if key == name), "")[:LONGEST_TYPED]
