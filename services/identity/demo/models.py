"""Bodies of the demonstration's sign-in."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.identity.kit.bodies import Body, Text


class DemoPatientSignInBody(Body):
    """Sign-in as the holder of a record."""

    kind: Literal["patient"]
    record_id: Annotated[UUID, Field(strict=False)]


class DemoProfessionalSignInBody(Body):
    """Sign-in as a professional of the directory. `organisation_id` is required when the professional has several.

    `mode`: the access mode (TRE_R248, or `secret`), in an emergency with `motive` and `patient`.
    """

    kind: Literal["professional"]
    professional_id: Text
    organisation_id: Text | None = None
    mode: Text | None = None
    motive: str | None = Field(default=None, max_length=1000)
    patient: Text | None = None
