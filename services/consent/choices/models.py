"""The API models of choices."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from services.consent.choices.domain.choices import Choices
from services.consent.choices.domain.states import ConsentState, HistoryEntry
from shared.contracts.base import Code
from shared.contracts.consent import ApplicationChoice, Authorisation, CollectedObjection, EmergencyChoices
from shared.moments import Moment

ChangeStatus = Literal["on-its-way", "in-force"]
UNKNOWN_ID_WARNING = "The directory does not know this identifier: check that it is right. The choice is kept for it."
UNKNOWN_ID_WARNING_FR = "L’annuaire ne connaît pas cet identifiant : vérifiez-le. Le choix est conservé pour lui."


class ChangeView(BaseModel):
    """Whether every read is decided under the change already; for the patient side also the version that holds it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"version": 2, "status": "in-force"}]})
    version: int | None = Field(ge=1, description="version of all choices; null for callers who do not see the choices")
    status: ChangeStatus
    warning: str | None = Field(
        default=None,
        exclude_if=lambda warning: warning is None,
        description="a text to show: the directory does not know the professional or structure",
    )

    @classmethod
    def of(cls, version: int, version_in_force: int, *, sees_choices: bool, warning: str | None = None) -> "ChangeView":
        """Returns the answer to a change that made `version`, given the version in force."""
        status: ChangeStatus = "in-force" if version_in_force >= version else "on-its-way"
        return cls(version=version if sees_choices else None, status=status, warning=warning)


class ChoicesView(BaseModel):
    """All choices of the patient."""

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
                    "collected_objections": [{"structure_id": "1750000001", "informed_on": "2026-11-22"}],
                    "emergency": {"break_glass": True, "regulation_centre": True, "masked_documents": False},
                    "changed_at": "2026-11-22T09:30:00Z",
                }
            ]
        },
    )
    version: int = Field(ge=1)
    status: ChangeStatus
    authorised: tuple[str, ...] = Field(
        description="national ids of the holders whom the patient authorised without an end"
    )
    authorisations: tuple[Authorisation, ...] = Field(
        description="authorisations and attestations, also those that ended less than a year ago"
    )
    blocked: tuple[str, ...] = Field(description="national ids of the professionals and structures that can never read")
    attending_doctors: tuple[str, ...] = Field(description="national ids of the médecins traitants")
    care_team_objected: bool = Field(description="whether the patient objects to the presumption of the care team")
    hidden_sections: tuple[str, ...] = Field(description="codes of the sections that professionals do not see")
    mask_new_documents: bool = Field(description="whether new documents are masked to professionals")
    feeding_objections: tuple[str, ...] = Field(description="national ids of the structures that may not deposit")
    applications: tuple[ApplicationChoice, ...] = Field(
        description="referenced applications, and the sections that each may read"
    )
    attestation_objections: tuple[str, ...] = Field(
        description="national ids of the structures that cannot attest before the patient side permits it again"
    )
    collected_objections: tuple[CollectedObjection, ...] = Field(
        description="those of feeding_objections that the structures themselves collected from the person, and the day"
    )
    emergency: EmergencyChoices
    changed_at: datetime

    @classmethod
    def of(cls, state: ConsentState) -> "ChoicesView":
        """Returns the view of a state."""
        event = state.as_event()
        return cls(
            version=state.version,
            status="in-force" if state.is_in_force else "on-its-way",
            authorised=event.authorised,
            changed_at=state.changed_at,
            **{name: getattr(state.choices, name) for name in Choices.model_fields},
        )


class VersionView(BaseModel):
    """All choices of one version."""

    version: int
    choices: Choices


class HistoryEntryView(BaseModel):
    """The change that made one version."""

    version: int
    action: str
    subject_id: str | None
    by: str = Field(description="patient, representative, carer, professional, software or system")
    by_id: str | None = Field(description="national id of a professional, or client id of software; null for others")
    changed_at: datetime
    change: Mapping[str, Any] | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> "HistoryEntryView":
        """Returns the view of a history entry."""
        actor_id = entry.actor_id if entry.actor_kind in ("professional", "software") else None
        return cls(
            version=entry.version,
            action=entry.action,
            subject_id=entry.subject_id,
            by=entry.actor_kind,
            by_id=actor_id,
            changed_at=entry.changed_at,
            change=entry.change,
        )


class HistoryView(BaseModel):
    """A page of changes, newest first; `next` is the `before` of the following page."""

    changes: list[HistoryEntryView]
    next: int | None


class RightsBody(BaseModel):
    """A body that sets rights: complete and without unknown fields, so that no slip gives or takes a right."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class AuthorisationBody(RightsBody):
    """The end of an authorisation; null and 9999-12-31 are no end. `from` is its beginning, by default now."""

    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None


class AttestationBody(RightsBody):
    """A structure's attestation that the patient was informed on that day and did not object.

    `from` is its beginning, by default now.
    """

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
    """Whether the patient objects to the presumption of the care team."""

    objected: StrictBool


class EmergencyBody(RightsBody):
    """The patient's choices for emergencies: break-glass, the regulation centre, masked documents in both."""

    break_glass: StrictBool
    regulation_centre: StrictBool
    masked_documents: StrictBool

    @property
    def choices(self) -> EmergencyChoices:
        """The choices of this body."""
        return EmergencyChoices(**self.model_dump())
