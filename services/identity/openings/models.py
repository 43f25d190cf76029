"""The API models of openings alone and with help, and of activation."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.accounts.models import Identifier, Password
from services.identity.kit.bodies import Body, Code, ReadableCode, Text, one_of
from services.identity.openings.domain.channels import ASSISTED
from services.identity.openings.domain.online import OpeningRequest, single_contact
from services.identity.openings.usecases.open_alone import AccountRequest
from services.identity.openings.usecases.open_assisted import AssistedOutcome
from services.identity.people.domain.contacts import Contact, checked_contact, checked_mobile
from services.identity.people.domain.new_person import parse_sex
from services.identity.people.domain.persons import Person
from services.identity.people.models import InsBody, TraitsBody
from services.identity.relations.models.people import RepresentativeBody
from shared.values import Ins, StrictTraits, check_key

CardSerial = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{6,24}$", description="serial number of the Vitale card")]
SentSecondFactor = Annotated[Literal["mail", "sms"], Field(description="where the code of each sign-in is sent")]
DoctorId = Annotated[
    Text | None, Field(description="the médecin traitant: 8 and the RPPS number", examples=["899700000001"])
]
Mail = Annotated[Text | None, Field(examples=["dominique.pat-trois@patient.example"])]
Mobile = Annotated[Text | None, Field(examples=["+33612345678"])]
Terms = Annotated[Text, Field(description="the version of the accepted terms; GET /terms", examples=["2026-11"])]


def checked_ins(body: InsBody, *, test_keys: bool) -> Ins:
    """Returns the number with its key checked. Raises InvalidInsError, UnknownInsSystemError, WrongInsKeyError."""
    ins = Ins.parse(body.value, body.oid)
    check_key(ins, lenient_test_oids=test_keys)
    return ins


class OnlineBody(Body):
    """The person for whom a record is requested, and the address for the code: mail or mobile number."""

    ins: InsBody
    card_serial: CardSerial
    mail: Mail = None
    mobile: Mobile = None
    language: Text = Field(default="fr", json_schema_extra=one_of("fr", "en"))

    def opening_request(self, *, test_keys: bool) -> OpeningRequest:
        """Returns the request.

        Raises InvalidInsError and its kinds, ContactNeededError, MailInvalidError, MobileInvalidError.
        """
        mobile = None if self.mobile is None else checked_mobile(self.mobile)
        return OpeningRequest(
            checked_ins(self.ins, test_keys=test_keys),
            self.card_serial,
            single_contact(self.mail, mobile, self.language),
        )


class OpeningRequestView(BaseModel):
    """The response to every request, whether or not a code is sent."""

    opening_id: UUID
    valid_minutes: int
    detail: str


class OpeningCodeBody(Body):
    """The code received."""

    code: Code


class TicketView(BaseModel):
    """The ticket to complete the opening; it can be used once."""

    ticket: str


class AccountBody(Body):
    """The sign-in data that the person chooses."""

    terms_version: Terms
    identifier: Identifier
    password: Password
    second_factor: SentSecondFactor = "mail"

    def account_request(self, attending_doctor_id: str | None = None) -> AccountRequest:
        """Returns the choices for the account and the médecin traitant."""
        return AccountRequest(
            self.identifier, self.password, self.second_factor, self.terms_version, attending_doctor_id
        )


class CompleteBody(AccountBody):
    """The ticket and the person's choices."""

    ticket: Annotated[str, Field(min_length=1, max_length=100)]
    attending_doctor_id: DoctorId = None


class AssistedBody(Body):
    """The person who is present with their card and has agreed."""

    ins: InsBody
    card_serial: CardSerial
    consent_noted: bool
    mail: Mail = None
    mobile: Mobile = None
    language: Text = Field(default="fr", json_schema_extra=one_of("fr", "en"))
    channel: Text | None = Field(
        default=None,
        description="the opening channel; by default that of the token",
        json_schema_extra=one_of(*ASSISTED),
    )
    attending_doctor_id: DoctorId = None

    def parsed_contact(self) -> Contact:
        """Returns the contact. Raises MailInvalidError, MobileInvalidError, LanguageUnknownError."""
        parsed = checked_contact(self.mail, self.language, "holder")
        mobile = None if self.mobile is None else checked_mobile(self.mobile)
        return Contact(parsed.mail, parsed.language, parsed.relation, mobile)


class AssistedView(BaseModel):
    """The record, and the channel by which the activation code was sent; null: the account is active.

    `contact_from`: when the stated contact comes into force; null: it is in force, or never will be.
    """

    record_id: UUID
    code_sent: Literal["mail", "letter", "sms"] | None
    contact_from: datetime | None = None

    @classmethod
    def of(cls, outcome: AssistedOutcome) -> "AssistedView":
        """Returns the view of the outcome."""
        return cls(record_id=outcome.record_id, code_sent=outcome.code_sent, contact_from=outcome.contact_from)


class ContactObjectionBody(Body):
    """The person whose contact it is, and the objection code from the message about the new contact."""

    ins: InsBody
    code: ReadableCode


class ActivationBody(AccountBody):
    """The number, the code received, and the sign-in data.

    State mail or mobile if none is on file or another is preferred.
    """

    ins: InsBody
    code: ReadableCode
    mail: Mail = None
    mobile: Mobile = None

    def parsed_addresses(self) -> tuple[str | None, str | None]:
        """Returns the mail address and the mobile number. Raises MailInvalidError, MobileInvalidError."""
        return self.addresses_in(self.mail, self.mobile)

    @staticmethod
    def addresses_in(mail: str | None, mobile: str | None) -> tuple[str | None, str | None]:
        """Returns the mail address and the mobile number, each None if empty. Raises as `parsed_addresses`."""
        return checked_contact(mail or None, "fr", "holder").mail, checked_mobile(mobile) if mobile else None


class ActivationView(BaseModel):
    """The record whose account is active now."""

    record_id: UUID


class TermsView(BaseModel):
    """The current version of the terms of use."""

    version: str


class RepresentedBody(Body):
    """The person whose record is to be opened.

    A signed-in representative states the card; an administrator states the rest.
    """

    ins: InsBody
    traits: TraitsBody
    card_serial: Text | None = Field(
        default=None, description="of the card on which the minor is insured; proof where the card is the caller's own"
    )
    by: RepresentativeBody | None = Field(default=None, description="by an administrator: who represents")

    def person(self) -> Person:
        """Returns the person. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        stated = self.traits
        traits = StrictTraits(
            birth_name=stated.birth_name,
            given_name=stated.given_name,
            birth_date=stated.birth_date,
            sex=parse_sex(stated.sex),
            birth_place=stated.birth_place,
        )
        return Person(Ins.parse(self.ins.value, self.ins.oid), traits)
