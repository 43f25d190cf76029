"""The API models of carers and invitations."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.kit.bodies import Body, Name, ReadableCode, Text, one_of
from services.identity.people.domain.contacts import checked_contact
from services.identity.people.models import InsBody
from services.identity.relations.domain.care import CareRelation, CareStatus, InvitationInvalidError, InvitedPerson
from services.identity.relations.usecases.answer_invitation import InvitationAnswer
from services.identity.relations.usecases.invite_carer import CarerInvitation
from services.identity.relations.usecases.list_people import NamedCare
from shared.values import Ins, is_day

CarePublication = Literal["on-its-way"]


class InvitedPersonBody(Body):
    """A person by number, names and birth date; only they can answer."""

    ins: InsBody
    birth_name: Name = Field(examples=["PAT-TROIS"])
    given_name: Name = Field(examples=["DOMINIQUE"])
    birth_date: Text = Field(description="YYYY-MM-DD", examples=["1955-06-12"])


class InvitationBody(Body):
    """The invited person: identified by number, by a mail address, or by both."""

    person: InvitedPersonBody | None = None
    mail: Text | None = Field(default=None, examples=["dominique.pat-trois@patient.example"])
    language: Text = Field(default="fr", json_schema_extra=one_of("fr", "en"))

    def invitation(self, life: timedelta) -> CarerInvitation:
        """Returns the invitation.

        Raises InvitationInvalidError, MailInvalidError, LanguageUnknownError, InvalidInsError, UnknownInsSystemError.
        """
        to, person = checked_contact(self.mail, self.language, "holder"), self.person
        if person is None:
            if to.mail is None:
                raise InvitationInvalidError
            return CarerInvitation(InvitedPerson(to.language, to.mail), None, life)
        if not is_day(person.birth_date):
            raise InvitationInvalidError
        invited = InvitedPerson(to.language, to.mail, person.birth_name, person.given_name, person.birth_date)
        return CarerInvitation(invited, Ins.parse(person.ins.value, person.ins.oid), life)


class InvitationView(BaseModel):
    """An invitation; it was sent if an address was known."""

    care_id: UUID
    state: CareStatus
    expires_at: datetime

    @classmethod
    def of(cls, care: CareRelation) -> "InvitationView":
        """Returns the view of an invitation."""
        return cls(care_id=care.id, state=care.status, expires_at=care.expires_at)


class CarerView(BaseModel):
    """A carer or an invited person, as the holder sees them."""

    care_id: UUID
    state: CareStatus
    name: str | None
    mail: str | None
    invited_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, named: NamedCare, now: datetime) -> "CarerView":
        """Returns the view at this time."""
        relation = named.care
        return cls(
            care_id=relation.id,
            state=relation.status_at(now),
            name=named.name,
            mail=named.mail,
            invited_at=relation.invited_at,
            expires_at=relation.expires_at,
        )


class MyInvitationView(BaseModel):
    """An invitation that names the caller; `name`: of the inviting holder."""

    care_id: UUID
    name: str | None
    expires_at: datetime

    @classmethod
    def of(cls, named: NamedCare) -> "MyInvitationView":
        """Returns the view of an invitation."""
        return cls(care_id=named.care.id, name=named.name, expires_at=named.care.expires_at)


class InvitationAnswerBody(Body):
    """The answer, with the code received or the id of an invitation that names the caller."""

    answer: Literal["accepted", "refused"]
    code: ReadableCode | None = None
    care_id: Annotated[UUID, Field(strict=False)] | None = None

    def invitation_answer(self, own_id: UUID) -> InvitationAnswer:
        """Returns the answer. Raises InvitationInvalidError without exactly one of `code` and `care_id`."""
        if (self.code is None) == (self.care_id is None):
            raise InvitationInvalidError
        return InvitationAnswer(own_id, self.answer == "accepted", self.code, self.care_id)


class CareView(BaseModel):
    """The state of an invitation or a carer; `version`: of the people of the record."""

    record_id: UUID
    care_id: UUID
    state: CareStatus
    version: int
    status: CarePublication = "on-its-way"

    @classmethod
    def of(cls, relation_and_version: tuple[CareRelation, int]) -> "CareView":
        """Returns the view of a relation at that version."""
        relation, version = relation_and_version
        return cls(record_id=relation.record_id, care_id=relation.id, state=relation.status, version=version)
