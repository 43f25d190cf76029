"""The API models of records and their opening."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from services.identity.kit.bodies import Body, Line, Text, one_of
from services.identity.people.domain.contacts import Contact, checked_contact
from services.identity.people.domain.new_person import RecordState, parse_sex
from services.identity.people.domain.persons import IdentityStatus, Person, PersonRules
from shared.http.dependencies import provided
from shared.values import Ins, StrictTraits

InForceStatus = Literal["on-its-way", "in-force"]
ProvidedPersonRules = Annotated[PersonRules, Depends(provided(PersonRules))]


class InsBody(Body):
    """The national health identity number and the system it is under."""

    value: Text = Field(description="15 characters: 13 and the key", examples=["255069999999934"])
    oid: Text = Field(description="NIR .8, NIA .9, tests .10 and .11", examples=["1.2.250.1.213.1.4.10"])


class TraitsBody(Body):
    """Strict traits, as on the identity document."""

    birth_name: Line = Field(examples=["PAT-TROIS"])
    given_name: Line = Field(description="first birth given name", examples=["DOMINIQUE"])
    birth_date: Text = Field(description="YYYY-MM-DD", examples=["1955-06-12"])
    sex: Text = Field(json_schema_extra=one_of("male", "female", "unknown"), examples=["female"])
    birth_place: Text | None = Field(default=None, description="INSEE commune code (COG)", examples=["63220"])


def parse_person(ins: InsBody, stated: TraitsBody) -> Person:
    """Returns the person. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
    traits = StrictTraits(
        birth_name=stated.birth_name,
        given_name=stated.given_name,
        birth_date=stated.birth_date,
        sex=parse_sex(stated.sex),
        birth_place=stated.birth_place,
    )
    return Person(Ins.parse(ins.value, ins.oid), traits)


class ContactBody(Body):
    """The person's addresses and language for messages."""

    mail: Text | None = Field(default=None, examples=["dominique.pat-trois@patient.example"])
    language: Text = Field(json_schema_extra=one_of("fr", "en"), examples=["fr"])
    relation: Text = Field(default="holder", json_schema_extra=one_of("holder", "representative"))


class OpenRecordBody(Body):
    """The person whose record is to be opened."""

    ins: InsBody
    traits: TraitsBody
    contact: ContactBody
    channel: Text | None = Field(
        default=None,
        description="the opening channel; by default hospital",
        json_schema_extra=one_of("hospital", "cpam-agent", "care-home"),
    )

    identity_status: Text = Field(
        default="qualified",
        description="how far the identity was established (RNIV); a record opens for a qualified one",
        json_schema_extra=one_of(*IdentityStatus),
    )

    def person(self) -> Person:
        """Returns the person.

        Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError, IdentityStatusUnknownError.
        """
        return replace(parse_person(self.ins, self.traits), status=IdentityStatus.of(self.identity_status))

    def parsed_contact(self) -> Contact:
        """Returns the contact. Raises MailInvalidError, LanguageUnknownError, RelationUnknownError."""
        return checked_contact(self.contact.mail, self.contact.language, self.contact.relation)


class RecordView(BaseModel):
    """A record: its id in all services, its version and its state.

    `status`: whether this version is in force where reads and deposits are decided.
    """

    record_id: UUID
    version: int
    status: InForceStatus
    state: Literal["open", "closed"]

    @classmethod
    def of(cls, record: RecordState) -> "RecordView":
        """Returns the view of a record's state."""
        return cls(
            record_id=record.id,
            version=record.version,
            status="in-force" if record.is_in_force else "on-its-way",
            state=record.state,
        )
