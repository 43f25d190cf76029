"""The models of answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class LostDepositView(BaseModel):
    """An accepted deposit whose content was lost in a failure of the database; its depositor deposits it again."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
    deposit_id: UUID
    organisation_id: str
    received_at: datetime
    found_at: datetime = Field(description="when it was noticed")
    documents: int = Field(description="how many documents it had")
