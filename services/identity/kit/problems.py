"""How routes declare their errors in OpenAPI."""

from typing import Any

from pydantic import BaseModel, Field


class ProblemView(BaseModel):
    """A problem (RFC 9457): a stable code, and what the client can do."""

    type: str
    title: str
    status: int
    code: str = Field(examples=["ins-key-wrong"])
    detail: str


def problems(**codes: str) -> dict[int | str, dict[str, Any]]:
    """Returns OpenAPI responses for errors, such as `_409="traits-differ"`."""
    content = {"application/problem+json": {"schema": ProblemView.model_json_schema()}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in codes.items()}
