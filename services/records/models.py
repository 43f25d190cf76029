"""What the tracking answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class DocumentProgress(BaseModel):
    """How far one document has come; a time that is not there has not happened yet."""

    model_config = ConfigDict(frozen=True)
    document_id: UUID
    status: Literal["received", "published", "refused"] = Field(
        description="received: safe and invisible; published: visible within its labels; refused: never visible"
    )
    received_at: datetime
    checked_at: datetime | None = Field(default=None, description="when the patient's choices were looked at")
    published_at: datetime | None = None
    refused_at: datetime | None = None
    reason: str | None = Field(default=None, description="stable code, of a refusal only")
    audited_at: datetime | None = Field(default=None, description="when the ledger held the publication or refusal")
    alert_handled_at: datetime | None = Field(
        default=None,
        description="when the patient's alert was dealt with, in whatever way; none for a refused document",
    )


class DepositProgress(BaseModel):
    """How far a deposit has come; the documents in the order of the submission."""

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


class DepositList(BaseModel):
    """One's own deposits, oldest first. `next`: the address of the next page, when there is one."""

    model_config = ConfigDict(frozen=True)
    deposits: list[DepositProgress]
    next: str | None = None
