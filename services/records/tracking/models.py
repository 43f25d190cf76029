"""The models of requests and answers of the API."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.moments import Moment
from shared.terminology.documents import section_labels


class DocumentProgress(BaseModel):
    """The progress of one document; a missing time means that the step has not happened yet."""

    model_config = ConfigDict(frozen=True)
    document_id: UUID
    status: Literal["received", "published", "refused", "lost"] = Field(
        description="received: stored, not visible yet; published: visible within its labels; refused: never visible; "
        "lost: accepted, but its content was lost in a failure of the database: deposit it again"
    )
    received_at: datetime
    checked_at: datetime | None = Field(default=None, description="when the patient's choices were checked")
    published_at: datetime | None = None
    refused_at: datetime | None = None
    reason: str | None = Field(default=None, description="stable code; only of a refusal")
    audited_at: datetime | None = Field(default=None, description="when the ledger had recorded it")
    alert_handled_at: datetime | None = Field(
        default=None,
        description="when the patient's alert was handled, sent or not; none for a refused document",
    )


class DepositProgress(BaseModel):
    """The progress of a deposit; its documents in the order of the submission."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "deposit_id": "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b",
                    "received_at": "2026-11-22T10:00:00.000000Z",
                    "documents": [
                        {
                            "document_id": "0199a3c4-5d00-8b22-8c7e-2f6c1d4e9a3b",
                            "status": "published",
                            "received_at": "2026-11-22T10:00:00.000000Z",
                            "checked_at": "2026-11-22T10:00:00.080000Z",
                            "published_at": "2026-11-22T10:00:00.140000Z",
                            "audited_at": "2026-11-22T10:00:00.200000Z",
                            "alert_handled_at": "2026-11-22T10:00:00.310000Z",
                        }
                    ],
                }
            ]
        },
    )
    deposit_id: UUID
    received_at: datetime
    documents: list[DocumentProgress]


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


class SupposedChange(BaseModel):
    """A change of rights, by its name in the ledger, and what it concerns."""

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
            raise ValueError("section")
        if not (needs_section or needs_nobody or self.change == "choose-emergency-access") and not self.holder_id:
            raise ValueError("holder_id")
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
    """How many documents a reader sees now and would see. A structure or a care team is counted as one doctor."""

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


class LostDepositView(BaseModel):
    """An accepted deposit whose content was lost in a failure of the database; its depositor deposits it again."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
    deposit_id: UUID
    organisation_id: str
    received_at: datetime
    found_at: datetime = Field(description="when it was noticed")
    documents: int = Field(description="how many documents it had")


class DepositList(BaseModel):
    """Your deposits, oldest first. `next`: the address of the next page, if there is one."""

    model_config = ConfigDict(frozen=True)
    deposits: list[DepositProgress]
    next: str | None = None
