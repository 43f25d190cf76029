"""The bodies of requests and answers about statements."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.statements.domain.statements import PatientStatement, Position, StatedCode
from services.records.statements.usecases.read_statements import StatementDocument
from shared.terminology.statements import FORMS, StatementForm, statement_kinds

MOST_STATEMENTS = 100
_OF_BODIES = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_REGISTER = (
    "What counts is the national register of refusals, and what relatives are told.",
    "Ce qui compte est le registre national des refus, et ce que disent les proches.",
)


def _one_of(values: Any) -> dict[str, Any]:
    """Returns the part of a schema that lists values; others are refused in words by the domain."""
    return {"enum": [*values]}


class StatedCodeBody(BaseModel):
    """A code for what is stated."""

    model_config = _OF_BODIES
    system: str = Field(max_length=100, examples=["2.16.840.1.113883.6.73"])
    code: str = Field(max_length=64, repr=False, examples=["J01CA04"])
    display: str | None = Field(default=None, max_length=200, repr=False, examples=["Amoxicilline"])


class StatementBody(BaseModel):
    """A statement."""

    model_config = _OF_BODIES
    kind: str = Field(max_length=64, json_schema_extra=_one_of(statement_kinds()))
    text: str | None = Field(default=None, max_length=10_000, repr=False)
    code: StatedCodeBody | None = Field(default=None, repr=False)
    since: str | None = Field(default=None, max_length=10, repr=False, examples=["2011-05"])
    until: str | None = Field(default=None, max_length=10, repr=False)
    position: Position | None = Field(default=None, repr=False)

    def statement(self) -> PatientStatement:
        """Returns the statement, which is not checked yet."""
        code = None if self.code is None else StatedCode(self.code.system, self.code.code, self.code.display)
        return PatientStatement(self.kind, self.text, code, self.since, self.until, self.position)


class StatementsBody(BaseModel):
    """A form with its statements: the whole of it, also where it replaces an earlier version."""

    model_config = ConfigDict(
        **_OF_BODIES,
        json_schema_extra={
            "examples": [
                {
                    "form": "health-profile",
                    "statements": [{"kind": "allergy", "text": "Amoxicilline", "since": "2011"}],
                }
            ]
        },
    )
    form: StatementForm
    statements: list[StatementBody] = Field(min_length=1, max_length=MOST_STATEMENTS)
    title: str | None = Field(default=None, min_length=1, max_length=200)
    masked: bool = False
    hidden_from_representatives: bool = False
    replaces: UUID | None = None


class StatedCodeView(BaseModel):
    """A code for what is stated."""

    system: str
    code: str
    display: str | None = None


class StatementView(BaseModel):
    """A statement."""

    kind: str
    label: str
    label_fr: str
    text: str | None = None
    code: StatedCodeView | None = None
    since: str | None = None
    until: str | None = None
    position: Position | None = None

    @classmethod
    def of(cls, statement: PatientStatement) -> "StatementView":
        """Returns the view of a statement."""
        kind, code = statement_kinds()[statement.kind], statement.code
        return cls(
            kind=statement.kind,
            label=kind.label_en,
            label_fr=kind.label_fr,
            text=statement.text,
            code=None if code is None else StatedCodeView(system=code.system, code=code.code, display=code.display),
            since=statement.since,
            until=statement.until,
            position=statement.position,
        )


class StatementDocumentView(BaseModel):
    """A current document of statements."""

    document_id: UUID
    form: StatementForm
    title: str
    declared_by: str
    declared_at: datetime
    labels: list[str]
    statements: list[StatementView]
    note: str | None = None
    note_fr: str | None = None

    @classmethod
    def of(cls, document: StatementDocument) -> "StatementDocumentView":
        """Returns the view of a document; what is said of organ donation has the note that it needs."""
        note, note_fr = _REGISTER if document.is_about_donation else (None, None)
        return cls(
            document_id=document.id,
            form=document.form,
            title=document.title,
            declared_by=document.declared_by,
            declared_at=document.declared_at,
            labels=sorted(document.labels),
            statements=[StatementView.of(statement) for statement in document.statements],
            note=note,
            note_fr=note_fr,
        )


class StatementsView(BaseModel):
    """The current documents of statements that you may see, newest first."""

    documents: list[StatementDocumentView]


__all__ = ["FORMS", "StatementDocumentView", "StatementsBody", "StatementsView"]
