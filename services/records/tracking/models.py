"""The API models of the tracking of deposits."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.facts.domain.documents import FactsState


class FactsProgress(BaseModel):
    """What became of reading the facts of a document, after its publication."""

    model_config = ConfigDict(frozen=True)
    state: FactsState = Field(
        description="pending: not read yet; none: no coded fact stands in it; read; in-part: a limit ended the "
        "reading; unreadable: see `reason`"
    )
    reason: str | None = Field(default=None, description="stable code of why there are none, or not all of them")
    text: str = Field(description="the same as a sentence, in French or English by Accept-Language")


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
    facts: FactsProgress | None = Field(default=None, description="of a published document alone")


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
                            "facts": {"state": "read", "text": "The coded facts in this document were read."},
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
    """Your deposits, oldest first. `next`: the address of the next page, if there is one."""

    model_config = ConfigDict(frozen=True)
    deposits: list[DepositProgress]
    next: str | None = None
