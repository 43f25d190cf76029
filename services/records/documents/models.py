"""The models of the overview of a record."""

from datetime import date, datetime

from pydantic import BaseModel


class RubricView(BaseModel):
    """A rubric of the record."""

    code: str
    label: str
    documents: int
    newest_care_on: date | None
    new: int | None


class OverviewView(BaseModel):
    """The eight rubrics of a record, in their order of display."""

    table_version: str
    since: datetime | None
    rubrics: list[RubricView]
