"""Declares the errors of routes in the OpenAPI document."""

from typing import Any


def problems(**codes: str) -> dict[int | str, dict[str, Any]]:
    """Returns OpenAPI responses for errors, such as `_409="traits-differ"`; their schema is that of all errors."""
    return {int(status[1:]): {"description": text} for status, text in codes.items()}
