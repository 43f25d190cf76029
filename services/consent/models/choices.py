"""The choices of a person: what is shown of them, and what a change says."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.consent.domain.choices import Choices
from services.consent.domain.states import HistoryEntry, State
from shared.contracts.base import Code
from shared.contracts.consent import ApplicationChoice, Authorisation, EmergencyChoices

Status = Literal["on-its-way", "in-force"]


class ChangeView(BaseModel):
    """Whether every read is decided under the change already; to the person's side also the version that holds it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"version": 2, "status": "in-force"}]})
    version: int | None = Field(ge=1, description="of all choices; null to whoever does not see them")
    status: Status

    @classmethod
    def of(cls, version: int, version_in_force: int, *, sees_choices: bool) -> "ChangeView":
        """What is said of a version, given the one that is in force."""
        status: Status = "in-force" if version_in_force >= version else "on-its-way"
        return cls(version=version if sees_choices else None, status=status)


class ChoicesView(BaseModel):
    """Everything the person has chosen."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "version": 4,
                    "status": "in-force",
                    "authorised": ["899700000001"],
                    "authorisations": [
                        {
                            "holder_id": "899700000001",
                            "from": "2026-11-22T09:00:00Z",
                            "until": None,
                            "given_by": "patient",
                            "how": "online",
                            "informed_on": None,
                        }
                    ],
                    "blocked": ["899700000002"],
                    "attending_doctors": ["899700000003"],
                    "care_team_objected": False,
                    "hidden_sections": ["DEPISTAG"],
                    "mask_new_documents": False,
                    "feeding_objections": ["1750000001"],
                    "applications": [],
                    "emergency": {"break_glass": True, "regulation_centre": True, "masked_documents": False},
                    "changed_at": "2026-11-22T09:30:00Z",
                }
            ]
        },
    )
    version: int = Field(ge=1)
    status: Status
    authorised: tuple[str, ...] = Field(description="national ids of those whom the person authorised without an end")
    authorisations: tuple[Authorisation, ...] = Field(
        description="who may read, or might until a year ago, from when until when, and how so"
    )
    blocked: tuple[str, ...] = Field(description="national ids of the professionals and structures who never may")
    attending_doctors: tuple[str, ...] = Field(description="national ids of the médecins traitants")
    care_team_objected: bool = Field(description="whether the presumption of the care team is objected to")
    hidden_sections: tuple[str, ...] = Field(description="sections that professionals do not see")
    mask_new_documents: bool = Field(description="whether new documents are masked to professionals")
    feeding_objections: tuple[str, ...] = Field(description="national ids of the structures that may not deposit")
    applications: tuple[ApplicationChoice, ...] = Field(description="referenced applications and what each may read")
    emergency: EmergencyChoices
    changed_at: datetime

    @classmethod
    def of(cls, state: State) -> "ChoicesView":
        """The view of a state."""
        told = state.as_event()
        return cls(
            version=state.version,
            status="in-force" if state.is_in_force else "on-its-way",
            authorised=told.authorised,
            changed_at=state.changed_at,
            **{name: getattr(state.choices, name) for name in Choices.model_fields},
        )


class VersionView(BaseModel):
    """All that was chosen in one version."""

    version: int
    choices: Choices


class HistoryEntryView(BaseModel):
    """What made one version."""

    version: int
    action: str
    subject_id: str | None
    by: str = Field(description="patient, representative, carer, professional, software or system")
    by_id: str | None = Field(description="national id of a professional or client id of software; of nobody else")
    changed_at: datetime
    change: Mapping[str, Any] | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> "HistoryEntryView":
        """The view of one change."""
        named = entry.actor_id if entry.actor_kind in ("professional", "software") else None
        return cls(
            version=entry.version,
            action=entry.action,
            subject_id=entry.subject_id,
            by=entry.actor_kind,
            by_id=named,
            changed_at=entry.changed_at,
            change=entry.change,
        )


class HistoryView(BaseModel):
    """A page of changes, newest first; `next` is the `before` of the following page."""

    changes: list[HistoryEntryView]
    next: int | None


class AuthorisationBody(BaseModel):
    """From when until when; without them from now on, without an end."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    since: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = None


class AttestationBody(BaseModel):
    """A structure's word: the patient was informed on that day and did not object."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    informed_on: date
    since: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime


class ApplicationBody(BaseModel):
    """The sections that an application may read."""

    model_config = ConfigDict(extra="forbid")
    sections: tuple[Code, ...] = Field(max_length=40)


class DefaultLabelBody(BaseModel):
    """Whether new documents are masked to professionals."""

    model_config = ConfigDict(extra="forbid")
    masked: bool


class CareTeamBody(BaseModel):
    """Whether the presumption of the care team is objected to."""

    model_config = ConfigDict(extra="forbid")
    objected: bool
