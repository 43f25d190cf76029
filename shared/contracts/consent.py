"""Events of consent: the whole state of a record's choices, and the decisions about deposits."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.base import NOTHING_SEEN, Code, RecordEvent, Seen, StateEvent


class EmergencyChoices(BaseModel):
    """What the person permits in emergencies: break-glass (BTG), regulation centre (ETREAT), masked documents."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    break_glass: bool = True
    regulation_centre: bool = True
    masked_documents: bool = False


class ConsentStateChanged(StateEvent):
    """Everything a person has chosen about who may read and who may deposit. Topic `consent.states.v1`."""

    wire: ClassVar[str] = "consent.state-changed.v1"
    record_id: UUID
    authorised: tuple[Code, ...] = ()
    blocked: tuple[Code, ...] = ()
    feeding_objections: tuple[Code, ...] = ()
    emergency: EmergencyChoices = EmergencyChoices()
    changed_at: datetime
    seen: Seen = NOTHING_SEEN


class DepositDecided(RecordEvent):
    """The answer of the rules about one deposit, with the codes it saw and the versions it rested on."""

    wire: ClassVar[str] = "consent.deposit-decided.v1"
    document_id: UUID
    deposit_id: UUID
    organisation_id: Code
    outcome: Literal["permitted", "refused"]
    reason: Code
    rules_version: Code
    facts: dict[str, str | bool | int | tuple[str, ...]]
    seen: Seen
    decided_at: datetime
