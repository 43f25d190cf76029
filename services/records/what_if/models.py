"""The API models of previews."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.terminology.documents import section_labels


def _needed(field: str) -> PydanticCustomError:
    return PydanticCustomError("field_needed", "{field} is needed", {"field": field})


class SupposedChange(BaseModel):
    """A change of rights, by its name in the ledger, and the subject of the change."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    change: Literal[
        "block-professional",
        "unblock-professional",
        "end-authorisation",
        "end-attestation",
        "end-attending-doctor",
        "hide-section",
        "show-section",
        "object-to-care-team",
        "withdraw-care-team-objection",
        "choose-emergency-access",
    ]
    holder_id: str | None = Field(default=None, max_length=64, description="professional or structure (national id)")
    section: str | None = Field(default=None, max_length=64)
    break_glass: bool | None = None
    regulation_centre: bool | None = None
    masked_documents: bool | None = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        needs_section, needs_nobody = self.change.endswith("-section"), "care-team" in self.change
        if needs_section and self.section not in section_labels():
            raise _needed("section")
        if not (needs_section or needs_nobody or self.change == "choose-emergency-access") and not self.holder_id:
            raise _needed("holder_id")
        return self


class SupposedLabel(BaseModel):
    """A document that would be masked or unmasked."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document_id: UUID
    change: Literal["mask", "unmask"]


class WhatIfRequest(BaseModel):
    """The changes of the preview, all made together."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"changes": [{"change": "hide-section", "section": "BIOLOGIE"}]}]},
    )
    changes: list[SupposedChange] = Field(default=[], max_length=20)
    documents: list[SupposedLabel] = Field(default=[], max_length=20)


class WhatIfEffect(BaseModel):
    """The numbers of documents that a reader sees now and would see. A structure or care team counts as one doctor."""

    model_config = ConfigDict(frozen=True)
    who: Literal["professional", "structure", "care-team", "attending-doctor", "emergency", "profession"]
    id: str = Field(description="national id, access mode of an emergency, or profession")
    before: int
    after: int
    lost: int
    gained: int
    profession: str | None = Field(description="profession of the count (JDV_J65); null: no longer practises")
    assumed: bool = Field(description="the profession is not known here, counted as a doctor")


class WhatIfAnswer(BaseModel):
    """The effects in sentences (in the language of Accept-Language) and in counts. Nothing has changed."""

    model_config = ConfigDict(frozen=True)
    sentences: list[str]
    effects: list[WhatIfEffect]
