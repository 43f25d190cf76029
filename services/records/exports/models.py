"""The responses about copies of records."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.records.exports.domain.exports import Export, ExportState


class ExportView(BaseModel):
    """How far a copy is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "ready",
                    "documents": 42,
                    "total": 42,
                    "size": 3145728,
                    "failure": None,
                    "started_at": "2026-11-30T09:00:00Z",
                    "expires_at": "2026-12-01T09:00:07Z",
                }
            ]
        }
    )
    state: ExportState
    documents: int = Field(description="number of documents that were read so far")
    total: int | None = Field(description="number of documents that it will have; null: not counted yet")
    size: int | None = Field(description="bytes of the archive; null: not ready")
    failure: str | None = Field(description="stable code of the cause; null: it has not failed")
    started_at: datetime
    expires_at: datetime = Field(description="when it is deleted at the latest")

    @classmethod
    def of(cls, export: Export) -> "ExportView":
        """Returns the view of a copy."""
        return cls(
            state=export.state,
            documents=export.documents,
            total=export.total,
            size=export.size,
            failure=export.failure,
            started_at=export.started_at,
            expires_at=export.expires_at,
        )


class ExportKeysView(BaseModel):
    """The public keys of copies (JWKS)."""

    keys: list[dict[str, Any]]
