"""The base class and the field types of request bodies."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=200)]
Int4 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""A number that fits its column; the domain checks the allowed values."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


def one_of(*values: str) -> dict[str, Any]:
    """Returns a schema that lists these values in the OpenAPI document; the domain checks them."""
    return {"enum": list(values)}


class Body(BaseModel):
    """A request body, which refuses unknown fields and converts no values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
