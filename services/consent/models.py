"""What consent answers over HTTP."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.consent.domain import State
from shared.contracts.consent import EmergencyChoices

Status = Literal["on-its-way", "in-force"]


class ChangeView(BaseModel):
    """The version that holds the change, and whether every read is decided under it already."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"version": 2, "status": "in-force"}]})
    version: int = Field(ge=1)
    status: Status

    @classmethod
    def of(cls, version: int, version_in_force: int) -> "ChangeView":
        """What is said of a version, given the one that is in force."""
        return cls(version=version, status="in-force" if version_in_force >= version else "on-its-way")


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
                    "blocked": ["899700000002"],
                    "feeding_objections": ["1750000001"],
                    "emergency": {"break_glass": True, "regulation_centre": True, "masked_documents": False},
                    "changed_at": "2026-11-22T09:30:00Z",
                }
            ]
        },
    )
    version: int = Field(ge=1)
    status: Status
    authorised: tuple[str, ...] = Field(description="national ids of the professionals who may read")
    blocked: tuple[str, ...] = Field(description="national ids of the professionals who never may")
    feeding_objections: tuple[str, ...] = Field(description="national ids of the structures that may not deposit")
    emergency: EmergencyChoices
    changed_at: datetime

    @classmethod
    def of(cls, state: State) -> "ChoicesView":
        """The view of a state."""
        choices = state.choices
        return cls(
            version=state.version,
            status="in-force" if state.is_in_force else "on-its-way",
            authorised=choices.authorised,
            blocked=choices.blocked,
            feeding_objections=choices.feeding_objections,
            emergency=choices.emergency,
            changed_at=state.changed_at,
        )
