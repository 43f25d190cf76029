"""The API models of representatives, tokens to act for another person, and people to call."""

from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.clients.domain.tokens import AccessToken
from services.identity.kit.bodies import Body, Name, Text, one_of
from services.identity.people.models import InsBody
from services.identity.relations.domain.acts_for_holder import Proxy
from services.identity.relations.domain.emergency_contacts import PersonToCall, person_to_call
from services.identity.relations.domain.representation import Basis, Evidence, RepresentationStatus
from services.identity.relations.steps.admit_representative import AdmittedRepresentation, StatedRepresentation
from services.identity.relations.steps.find_representative import UNKNOWN_RECORD
from services.identity.relations.usecases.list_people import NamedRepresentation, ProxyRecord
from shared.contracts.identity import CallRole
from shared.moments import Moment
from shared.values import Ins

PeoplePublication = Literal["on-its-way"]
"""The only publication status of a record's people: no service reports that it has applied them."""


class EvidenceBody(Body):
    """The evidence, as seen by an administrator."""

    kind: Text = Field(json_schema_extra=one_of(*get_args(Evidence)[:4]), examples=["family-booklet"])
    reference: Name = Field(description="where the evidence is filed; stored sealed", examples=["Livret 2019-114"])


class RepresentativeBody(Body):
    """The representative and the evidence."""

    representative: InsBody
    evidence: EvidenceBody
    starts_at: Moment | None = None
    ends_at: Moment | None = Field(default=None, description="a minor's ends by itself at 18")

    def stated(self) -> StatedRepresentation:
        """Returns the statement; the representative's record is found later."""
        evidence = self.evidence
        return StatedRepresentation(UNKNOWN_RECORD, evidence.kind, evidence.reference, self.starts_at, self.ends_at)

    def representative_ins(self) -> Ins:
        """Returns the number. Raises InvalidInsError, UnknownInsSystemError."""
        return Ins.parse(self.representative.value, self.representative.oid)


class RepresentationView(BaseModel):
    """A representation after it was added or answered; `version`: of the people of the record."""

    record_id: UUID
    representation_id: UUID
    state: RepresentationStatus
    version: int
    status: PeoplePublication = "on-its-way"

    @classmethod
    def of(cls, admission: AdmittedRepresentation) -> "RepresentationView":
        """Returns the view of a representation."""
        representation = admission.representation
        return cls(
            record_id=representation.record_id,
            representation_id=representation.id,
            state=representation.status,
            version=admission.version,
        )


class RepresentationAnswerBody(Body):
    """The answer to a waiting representation."""

    answer: Literal["validated", "refused"]


class RepresentativeView(BaseModel):
    """A representative of a record. `reference`: of the evidence, for administrators only."""

    representation_id: UUID
    name: str
    basis: Basis
    evidence: Evidence
    reference: str | None
    state: RepresentationStatus
    starts_at: datetime
    ends_at: datetime | None

    @classmethod
    def of(cls, named: NamedRepresentation) -> "RepresentativeView":
        """Returns the view of a representative."""
        representation = named.representation
        return cls(
            representation_id=representation.id,
            name=named.name,
            basis=representation.basis,
            evidence=representation.evidence,
            reference=named.reference,
            state=representation.status,
            starts_at=representation.starts_at,
            ends_at=representation.ends_at,
        )


class ActingForBody(Body):
    """The record in which the caller wants to act."""

    record_id: Annotated[UUID, Field(strict=False)]


class ActingTokenView(BaseModel):
    """An access token (RFC 6749, section 5.1) with which to act for another."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    relation: Proxy

    @classmethod
    def of(cls, token: AccessToken, relation: Proxy) -> "ActingTokenView":
        """Returns the response with the token."""
        return cls(access_token=token.text, expires_in=token.seconds, relation=relation)


class ActingForView(BaseModel):
    """A record in which the caller may act for its holder."""

    record_id: UUID
    relation: Proxy
    name: str

    @classmethod
    def of(cls, record: ProxyRecord) -> "ActingForView":
        """Returns the view of a record."""
        return cls(record_id=record.record_id, relation=record.relation, name=record.name)


class PersonToCallBody(Body):
    """A person to call. `relation`: in the holder's own words."""

    role: Text = Field(json_schema_extra=one_of(*get_args(CallRole)), examples=["emergency"])
    name: Name = Field(examples=["Dominique PAT-TROIS"])
    phone: Text = Field(examples=["01 23 45 67 89"])
    relation: Name = Field(examples=["sœur"])

    def person(self) -> PersonToCall:
        """Returns the person. Raises PeopleToCallInvalidError."""
        return person_to_call(self.role, self.name, self.phone, self.relation)


class PeopleToCallBody(Body):
    """The whole list."""

    people: list[PersonToCallBody] = Field(max_length=50)


class PersonToCallView(BaseModel):
    """A person to call; the number is in E.164."""

    role: CallRole
    name: str
    phone: str
    relation: str


class PeopleToCallView(BaseModel):
    """The current list."""

    people: list[PersonToCallView]

    @classmethod
    def of(cls, people: tuple[PersonToCall, ...]) -> "PeopleToCallView":
        """Returns the view of a list."""
        return cls(
            people=[
                PersonToCallView(role=person.role, name=person.name, phone=person.phone, relation=person.relation)
                for person in people
            ]
        )
