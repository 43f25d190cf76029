"""The models of requests."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.moments import Moment


class PersonalDocument(BaseModel):
    """A document that the patient side deposits."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "Mes directives",
                    "type": "EXPPAT_3",
                    "content_type": "application/pdf",
                    "content": "JVBERi0...",
                }
            ]
        },
    )
    title: str = Field(min_length=1, max_length=200)
    type: str = Field(max_length=64, description="class 90 (EXPPAT_1 to 3, 74465-6) or DOCPAT01 to 09")
    content_type: Literal[
        "application/pdf",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/rtf",
        "text/rtf",
        "text/plain",
    ]
    content: str = Field(min_length=1, description="base64")
    creation: Moment | None = Field(default=None, description="when it was written; by default now")
    masked: bool = Field(default=False, description="hidden from professionals")
    hidden_from_representatives: bool = Field(default=False, description="only the holder may set it")
    replaces: UUID | None = Field(default=None, description="a document of your own that this one replaces")
