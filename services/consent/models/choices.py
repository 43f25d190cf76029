"""The choices of a person: what is shown of them, and what a change says."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from services.consent.domain.choices import Choices
from services.consent.domain.states import HistoryEntry, State
from shared.contracts.base import Code
from shared.contracts.consent import ApplicationChoice, Authorisation, EmergencyChoices
from shared.moments import Moment

Status = Literal["on-its-way", "in-force"]
UNKNOWN = "The directory does not know this identifier: check that it is right. The choice is kept for it."
UNKNOWN_IN_FRENCH = "L’annuaire ne connaît pas cet identifiant : vérifiez-le. Le choix est conservé pour lui."


class ChangeView(BaseModel):
    """Whether every read is decided under the change already; to the person's side also the version that holds it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"version": 2, "status": "in-force"}]})
    version: int | None = Field(ge=1, description="of all choices; null to whoever does not see them")
    status: Status
    warning: str | None = Field(
        default=None,
        exclude_if=lambda warning: warning is None,
        description="words to show: the directory does not know whom this is about",
    )

    @classmethod
    def of(cls, version: int, version_in_force: int, *, sees_choices: bool, warning: str | None = None) -> "ChangeView":
        """What is said of a version, given the one that is in force."""
        status: Status = "in-force" if version_in_force >= version else "on-its-way"
        return cls(version=version if sees_choices else None, status=status, warning=warning)


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
                    "attestation_objections": [],
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
    attestation_objections: tuple[str, ...] = Field(
        description="national ids of the structures that may not attest again before this is withdrawn"
    )
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


class RightsBody(BaseModel):
    """A body that sets rights: whole, with nothing unknown in it, so that no slip gives or takes any."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class AuthorisationBody(RightsBody):
    """Until when; null and 9999-12-31 are no end. From when, if not from now on."""

    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None


class AttestationBody(RightsBody):
    """A structure's word: the patient was informed on that day and did not object. From when, if not from now on."""

    informed_on: date
    since: Moment | None = Field(default=None, alias="from")
    until: Moment


class ApplicationBody(RightsBody):
    """The sections that an application may read."""

    sections: tuple[Code, ...] = Field(max_length=40)


class DefaultLabelBody(RightsBody):
    """Whether new documents are masked to professionals."""

    masked: StrictBool


class CareTeamBody(RightsBody):
    """Whether the presumption of the care team is objected to."""

    objected: StrictBool


class EmergencyBody(RightsBody):
    """What the person permits in emergencies: breaking the glass, the regulation centre, masked documents in both."""

    break_glass: StrictBool
    regulation_centre: StrictBool
    masked_documents: StrictBool

    @property
    def choices(self) -> EmergencyChoices:
        """The choices that this says."""
        return EmergencyChoices(**self.model_dump())
