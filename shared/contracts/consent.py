"""Events of consent: the whole state of a record's choices, and the decisions about deposits."""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import NOTHING_SEEN, ActorKind, Code, RecordEvent, Seen, StateEvent


class EmergencyChoices(BaseModel):
    """What the person permits in emergencies: break-glass (BTG), regulation centre (ETREAT), masked documents."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    break_glass: bool = True
    regulation_centre: bool = True
    masked_documents: bool = False


class Authorisation(BaseModel):
    """A professional (PS_IdNat) or structure (Struct_IdNat) that may read, from when until when, and by whose word.

    `how`: by the person online, with the card present, or by a structure's attestation of its care team
    (`informed_on`: the day on which the person was informed and did not object).
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)
    holder_id: Code
    since: datetime = Field(alias="from")
    until: datetime | None = None
    given_by: ActorKind = "patient"
    how: Literal["online", "card-present", "care-team"] = "online"
    informed_on: date | None = None


class ApplicationChoice(BaseModel):
    """A referenced application (client id) and the sections that it may read."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    application_id: Code
    sections: tuple[Code, ...] = ()


class ConsentStateChanged(StateEvent):
    """Everything a person has chosen about who may read and who may deposit. Topic `consent.states.v1`.

    `authorisations` says all about who may read; None where the sender knew no more than `authorised`, which goes on
    naming the professionals and structures authorised by the person without an end. `blocked` names both kinds.
    `attestation_objections`: the structures whose attestations of their care team the person's side does not want.
    """

    ce_type: ClassVar[str] = "consent.state-changed.v1"
    record_id: UUID
    authorised: tuple[Code, ...] = ()
    blocked: tuple[Code, ...] = ()
    feeding_objections: tuple[Code, ...] = ()
    emergency: EmergencyChoices = EmergencyChoices()
    changed_at: datetime
    seen: Seen = NOTHING_SEEN
    authorisations: tuple[Authorisation, ...] | None = None
    attending_doctors: tuple[Code, ...] = ()
    care_team_objected: bool = False
    hidden_sections: tuple[Code, ...] = ()
    mask_new_documents: bool = False
    applications: tuple[ApplicationChoice, ...] = ()
    attestation_objections: tuple[Code, ...] = ()


class MatrixChanged(StateEvent):
    """One version of the matrix of profession and document type. Topic `consent.matrices.v1`, key: its name.

    `allowed` and `denied`: profession (`G15_10`) -> document types of which the decree (or a court) says so;
    `allowed_by_default`: those that this project opens where nothing is said. What is in none of them is denied by
    default. `active_from` None: imported, not activated. Of those activated the one with the latest date that has come
    is in force.
    """

    ce_type: ClassVar[str] = "consent.matrix-changed.v1"
    name: Code
    active_from: datetime | None = None
    allowed: dict[str, tuple[Code, ...]]
    denied: dict[str, tuple[Code, ...]]
    allowed_by_default: dict[str, tuple[Code, ...]]

    @property
    def key(self) -> str:
        """The name of the matrix."""
        return self.name


class DepositDecided(RecordEvent):
    """The answer of the rules about one deposit, with the codes it saw and the versions it rested on.

    `mask`: the person wants new documents masked; the label is added after the check, at publication.
    """

    ce_type: ClassVar[str] = "consent.deposit-decided.v1"
    document_id: UUID
    deposit_id: UUID
    organisation_id: Code
    outcome: Literal["permitted", "refused"]
    reason: Code
    rules_version: Code
    facts: dict[str, str | bool | int | tuple[str, ...]]
    seen: Seen
    decided_at: datetime
    mask: bool = False
