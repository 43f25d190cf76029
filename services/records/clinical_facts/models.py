"""The API models of facts."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.clinical_facts.domain.model import FactKind


class FactParameters(BaseModel):
    """The parameters of a search for facts."""

    model_config = ConfigDict(frozen=True)
    kind: list[FactKind] = Field(default=[], description="one of these kinds; sent several times for several")
    code: str | None = Field(default=None, max_length=128, description="what it is about: code, or system|code")
    first: date | None = Field(default=None, alias="from", description="the first day that its time reaches into")
    last: date | None = Field(default=None, alias="to", description="the last day that its time reaches into")
    document: UUID | None = Field(default=None, description="only of this document version")
    cursor: str | None = Field(default=None, max_length=64, description="from the link `next` of the page before")
