"""The base class and the field types of request bodies."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.human_text import clean_line, compact_code

_LONGEST_TYPED = 1000
"""Characters of what is cleaned; anything longer is refused as it is."""
SIX_DIGITS = r"^[\s.-]*(?:[0-9][\s.-]*){6}$"


def _cleaned(value: object) -> object:
    return clean_line(_encodable(value)) if isinstance(value, str) and len(value) <= _LONGEST_TYPED else value


def _compacted(value: object) -> object:
    return compact_code(_encodable(value)) if isinstance(value, str) and len(value) <= _LONGEST_TYPED else value


def _encodable(text: str) -> str:
    """Returns the text. Raises PydanticCustomError for a lone surrogate, which pydantic lets pass here."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "Input should be valid Unicode") from None
    return text


Text = Annotated[str, Field(min_length=1, max_length=200)]
Int4 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""A number that fits its column; the domain checks the allowed values."""
Line = Annotated[str, BeforeValidator(_cleaned), Field(min_length=1, max_length=200)]
"""A line that a person typed, cleaned; the domain refuses control characters."""
Name = Annotated[
    str, BeforeValidator(_cleaned), Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]
"""A line that a person typed, cleaned, without control characters."""
Code = Annotated[
    str,
    BeforeValidator(_compacted),
    Field(pattern=r"^[0-9]{6}$"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": SIX_DIGITS,
            "maxLength": _LONGEST_TYPED,
            "description": "six digits; blanks, line ends, hyphens and dots around and between them do not matter",
            "examples": ["123456", "123 456"],
        }
    ),
]
"""A code of six digits, as messages print it or without blanks."""
SignInCode = Annotated[
    str,
    BeforeValidator(_compacted),
    Field(pattern=r"^[0-9]{6}([0-9]{2})?$"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[\s.-]*(?:[0-9][\s.-]*){6}(?:(?:[0-9][\s.-]*){2})?$",
            "maxLength": _LONGEST_TYPED,
            "description": "six digits, or eight of a code on paper; blanks, hyphens and dots do not matter",
            "examples": ["123456", "1234 5678"],
        }
    ),
]
"""A code of a sign-in: six digits that were sent or shown, or eight of a code on paper."""
ReadableCode = Annotated[
    str, BeforeValidator(_compacted), Field(min_length=1, max_length=200, examples=["7K2M-9XQ4-1CVB"])
]
"""A code of letters and digits, as messages and letters print it; `parse_code` checks it."""


def one_of(*values: str) -> dict[str, Any]:
    """Returns a schema that lists these values in the OpenAPI document; the domain checks them."""
    return {"enum": list(values)}


class Body(BaseModel):
    """A request body, which refuses unknown fields and converts no values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
