"""The API models of quarantine."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.records.quarantine.domain.causes import advice_of
from services.records.quarantine.store.submissions import ALL, CauseCount, QuarantinedSubmission, Selection

MOST_AT_ONCE = 100


class QuarantinedView(BaseModel):
    """A refused submission that is kept for your organisation."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    door: str
    cause: str = Field(description="the code of the last refusal")
    client_id: str = Field(description="the software or application that sent it")
    kept_at: datetime
    refused_at: datetime = Field(description="the last refusal of the same request")
    expires_at: datetime = Field(description="when it is destroyed")
    corrected_at: datetime | None
    size: int | None = Field(description="bytes of the request; null where only cause and time are kept")

    @classmethod
    def of(cls, submission: QuarantinedSubmission) -> "QuarantinedView":
        """Returns the view of a submission."""
        return cls(
            id=submission.id,
            door=submission.door,
            cause=submission.cause,
            client_id=submission.client_id,
            kept_at=submission.kept_at,
            refused_at=submission.refused_at,
            expires_at=submission.expires_at,
            corrected_at=submission.corrected_at,
            size=submission.size,
        )


class QuarantinePage(BaseModel):
    """A page of submissions, oldest first. `next`: the page after it, null on the last."""

    submissions: list[QuarantinedView]
    next: str | None


class CauseView(BaseModel):
    """A cause with the number of your submissions, and what to do about it."""

    cause: str
    submissions: int
    with_content: int = Field(description="those that can be corrected and sent again")
    since: datetime = Field(description="the oldest of them")
    what_to_do: str
    what_to_do_fr: str

    @classmethod
    def of(cls, counted: CauseCount) -> "CauseView":
        """Returns the view of a cause."""
        advice = advice_of(counted.cause)
        return cls(
            cause=counted.cause,
            submissions=counted.submissions,
            with_content=counted.bodies,
            since=counted.since,
            what_to_do=advice.english,
            what_to_do_fr=advice.french,
        )


class QuarantineSummary(BaseModel):
    """The causes of your submissions in quarantine, the most frequent first."""

    causes: list[CauseView]


class QuarantinedDetail(QuarantinedView):
    """A submission with its correctable fields."""

    what_to_do: str
    what_to_do_fr: str
    correctable: list[str] = Field(description="the fields that this door lets you correct")
    fields: dict[str, str] = Field(description="their present values, as far as the envelope states them")


class QuarantineSelection(BaseModel):
    """Either ids, or a page of all your submissions (of one cause, of one door). One page is at most 100."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    cause: str | None = Field(default=None, max_length=64)
    door: str | None = Field(default=None, max_length=16)
    after: UUID = Field(default=ALL, description="`next` of the page before")
    limit: int = Field(default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)

    @model_validator(mode="after")
    def _is_one_way(self) -> "QuarantineSelection":
        if self.ids is not None and (self.cause is not None or self.door is not None):
            raise ValueError("give ids, or a cause and a door")
        return self

    @property
    def page(self) -> Selection:
        """The page that is selected where no ids are given."""
        return Selection(self.after, self.limit, self.cause, self.door)


class QuarantineCorrection(QuarantineSelection):
    """The submissions to correct, and the new values of fields of their envelopes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"ids": ["0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b"], "fields": {"birth_name": "NOUVEAU"}}]
        },
    )
    fields: dict[str, Annotated[str, Field(max_length=200)]] = Field(
        min_length=1,
        max_length=9,
        description="ins (`urn:oid:<OID>|<INS>`), birth_name, given_name, birth_date, sex, birth_place; by POST /fhir "
        "and POST /xdm also type, hash, size",
    )


class QuarantineResult(BaseModel):
    """What became of one submission. `code`: of the error, where it was not done; `detail`: its words."""

    id: UUID
    outcome: Literal["done", "refused", "later"]
    code: str | None = None
    detail: str | None = None


class QuarantineResults(BaseModel):
    """What became of each submission. `next`: send it as `after` for the following page; null after the last."""

    results: list[QuarantineResult]
    next: UUID | None
