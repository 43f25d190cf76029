"""Events of identity: records, contacts, professionals and structures as the other services may know them."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import OPEN, Actor, Code, Event, RecordEvent, StateEvent

Fingerprint = str
"""`<kid>.<hex>`: an HMAC-SHA-256 under the key of that id. It allows a test of equality and reveals nothing else."""


class TraitFingerprints(BaseModel):
    """HMAC of each normalised strict trait together with the record id, so that equal traits of two persons differ."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    birth_name: Fingerprint
    given_name: Fingerprint
    birth_date: Fingerprint
    sex: Fingerprint
    birth_place: Fingerprint | None = None


class RecordChanged(StateEvent):
    """The state of a record. Topic `identity.records.v1`.

    `linked_to`: the other record of the same person, whose state names this one in turn; documents are not moved.
    `deceased`: the record is closed because its holder has died.
    """

    ce_type: ClassVar[str] = "identity.record-changed.v1"
    record_id: UUID
    status: Literal["open", "closed"]
    ins: Fingerprint
    traits: TraitFingerprints
    opened_at: datetime
    linked_to: UUID | None = None
    deceased: bool = False

    @property
    def access_status(self) -> Literal["open", "closed", "deceased"]:
        """The status in the terms of the access rules (`shared.access.Facts.record_status`)."""
        return "deceased" if self.deceased else self.status


class RecordErased(RecordEvent):
    """A record is to be erased in every service, for good. Topic `identity.erasures.v1`.

    Each service stores the id, destroys keys and waiting messages in one transaction, removes the bytes in steps, and
    then sends `ErasureAcknowledged`. Later messages about the record are dropped.
    """

    ce_type: ClassVar[str] = "identity.record-erased.v1"
    erasure_id: UUID
    reason: Annotated[Literal["retention-over", "gdpr-decision"], OPEN]
    decided_at: datetime


class ErasureAcknowledged(RecordEvent):
    """One service holds nothing of an erased record any more. Sent on a topic of that service.

    `destroyed`: number of destroyed items by plural noun (`{"documents": 12, "keys": 1}`).
    """

    ce_type: ClassVar[str] = "identity.erasure-acknowledged.v1"
    erasure_id: UUID
    service: Code
    destroyed: dict[str, int]
    acknowledged_at: datetime


class SessionEnded(Event):
    """A holder's session was ended before its time: its access tokens change nothing any more.

    Topic `identity.ended-sessions.v1`. `session_id`: the `sid` of the tokens. The event does not name the holder.
    """

    ce_type: ClassVar[str] = "identity.session-ended.v1"
    session_id: UUID
    ended_at: datetime

    @property
    def key(self) -> str:
        """The session's id."""
        return str(self.session_id)


class ContactChanged(StateEvent):
    """The address and language in which the holder (or a representative) is notified; sealed for notify (JWE).

    Plain text of `sealed`: JSON `{"mail": str | null, "language": "fr" | "en", "relation": ..., "mobile": str}`, where
    the relation is "holder" or "representative" and the mobile number (E.164) is present only if one is known. The
    protected header binds it to the record: `cty` is `contact;id=<record_id>`.
    """

    ce_type: ClassVar[str] = "identity.contact-changed.v1"
    record_id: UUID
    sealed: str = Field(min_length=1, max_length=4096)


CallRole = Literal["emergency", "trusted", "help"]


class PeopleToCallChanged(StateEvent):
    """Whom to call for the holder of a record; sealed for records (JWE). Topic `identity.people-to-call.v1`.

    Plain text of `sealed`: a JSON array in the holder's order, of `{"role": "emergency" | "trusted" | "help", "name":
    ..., "phone": ..., "relation": ...}`, the phone in E.164, the relation in the holder's words; empty: nobody. The
    protected header binds it to the record: `cty` is `people-to-call;id=<record_id>`.
    """

    ce_type: ClassVar[str] = "identity.people-to-call-changed.v1"
    record_id: UUID
    sealed: str = Field(min_length=1, max_length=16384)


class PersonNamed(BaseModel):
    """A person who may act for the holder of a record, for a time. `person_id` is an id internal to identity."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)
    person_id: UUID
    kind: Code
    since: datetime = Field(alias="from")
    until: datetime | None = None


class PeopleChanged(StateEvent):
    """The people named for a record: médecin traitant, representatives and carers. Topic `identity.people.v1`."""

    ce_type: ClassVar[str] = "identity.people-changed.v1"
    record_id: UUID
    attending_doctor_id: Code | None = None
    representatives: tuple[PersonNamed, ...] = ()
    carers: tuple[PersonNamed, ...] = ()
    is_minor: bool = False


class ProfessionalChanged(StateEvent):
    """The public directory entry of a professional. Key: the national identifier (PS_IdNat)."""

    ce_type: ClassVar[str] = "identity.professional-changed.v1"
    professional_id: Code
    name: str = Field(max_length=200)
    profession: Code
    status: Annotated[Literal["active", "inactive"], OPEN] = "active"
    structure_ids: tuple[Code, ...] = ()
    specialties: tuple[Code, ...] = ()

    @property
    def key(self) -> str:
        """The professional's national identifier."""
        return self.professional_id


class StructureChanged(StateEvent):
    """The public directory entry of a structure. Key: the national identifier (Struct_IdNat)."""

    ce_type: ClassVar[str] = "identity.structure-changed.v1"
    structure_id: Code
    name: str = Field(max_length=200)
    status: Annotated[Literal["active", "inactive"], OPEN] = "active"

    @property
    def key(self) -> str:
        """The structure's national identifier."""
        return self.structure_id


class ClientListener(BaseModel):
    """Where a client's own application listens for messages (MLLP), as an administrator set it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    host: str = Field(max_length=253)
    port: int = Field(ge=1, le=65535)
    tls: bool = True


class ClientChanged(StateEvent):
    """The registration of an organisation's software. Key: the client id.

    `certificates`: SHA-256 digests of its client certificates (DER), in hexadecimal. `applications`: the sending
    applications and facilities of its HL7 v2 messages, `MSH-3|MSH-4`. `client_class`: its lane, interactive or bulk.
    """

    ce_type: ClassVar[str] = "identity.client-changed.v1"
    client_id: Code
    organisation_id: Code | None
    status: Annotated[Literal["active", "inactive"], OPEN]
    scopes: tuple[Code, ...] = ()
    certificates: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    client_class: Annotated[Literal["interactive", "bulk"], OPEN] = "interactive"
    listener: ClientListener | None = None

    @property
    def key(self) -> str:
        """The client id."""
        return self.client_id


ClientAction = Literal[
    "register-client",
    "change-client",
    "add-client-keys",
    "remove-client-key",
    "deactivate-client",
    "reactivate-client",
]


class ClientAdministered(Event):
    """Somebody registered software or changed its registration. Topic `identity.accesses.v1`, for the ledger.

    `subject_id`: the client. `changed`: the names of what is different now. `scopes`, `keys` (thumbprints, RFC 7638)
    and `status` are those after the act.
    """

    ce_type: ClassVar[str] = "identity.client-administered.v1"
    subject_id: Code
    actor: Actor
    action: Annotated[ClientAction, OPEN]
    changed: tuple[Code, ...] = ()
    scopes: tuple[Code, ...] = ()
    keys: tuple[str, ...] = ()
    status: Annotated[Literal["active", "disabled"], OPEN] = "active"

    @property
    def key(self) -> str:
        """The client's id."""
        return self.subject_id
