"""The shape of every request body."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=200)]
Int4 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""A number that fits its column; the domain says which are allowed."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


def one_of(*values: str) -> dict[str, Any]:
    """The values in the OpenAPI document; which are allowed is the domain's to say."""
    return {"enum": list(values)}


class Body(BaseModel):
    """A request body: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
