"""Events of consent: the whole state of a record's choices, and the decisions about deposits."""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import NOTHING_SEEN, ActorKind, Code, RecordEvent, Seen, StateEvent


class EmergencyChoices(BaseModel):
    """The person's choices for emergencies: break-glass (BTG), regulation centre (ETREAT), masked documents."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    break_glass: bool = True
    regulation_centre: bool = True
    masked_documents: bool = False


class Authorisation(BaseModel):
    """A professional (PS_IdNat) or structure (Struct_IdNat) that may read, and for how long.

    `given_by`: the kind of actor who gave it. `how`: by the person online, with the card present, or by a structure's
    attestation of its care team (`informed_on`: the day on which the person was informed and did not object).
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


class CollectedObjection(BaseModel):
    """An objection to deposits by a structure that this structure itself collected from the person, and the day."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    structure_id: Code
    informed_on: date


class CopiedChoices(BaseModel):
    """The choices about reading, as records keeps them. The members are those of `ConsentStateChanged`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    authorisations: tuple[Authorisation, ...] = ()
    blocked: tuple[Code, ...] = ()
    attending_doctors: tuple[Code, ...] = ()
    care_team_objected: bool = False
    emergency: EmergencyChoices = EmergencyChoices()
    hidden_sections: tuple[Code, ...] = ()
    applications: tuple[ApplicationChoice, ...] = ()


class ConsentStateChanged(StateEvent):
    """All choices of a person about who may read and who may deposit. Topic `consent.states.v1`.

    `authorisations` lists all rights to read. It is None when the sender knew only `authorised`, which still lists the
    professionals and structures that the person authorised without an end date. `blocked` lists both kinds.
    `attestation_objections`: structures whose attestations of their care team the patient side rejects.
    `collected_objections`: those of `feeding_objections` that the structures themselves collected and reported.
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
    collected_objections: tuple[CollectedObjection, ...] = ()


class MatrixChanged(StateEvent):
    """One version of the matrix of profession and document type. Topic `consent.matrices.v1`, key: its name.

    `allowed` and `denied`: profession (`G15_10`) -> document types that the decree (or a court) allows or denies.
    `allowed_by_default`: types that this project allows where neither says anything. Every other type is denied by
    default. `active_from` is None for a matrix that is imported but not activated. The matrix in force is the activated
    one with the latest date that has passed.
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
    """The decision of the rules about one deposit, with the facts and the versions it rests on.

    `mask`: the person wants new documents masked; the label is added at publication, after the check.
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
