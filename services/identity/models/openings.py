"""Openings alone and with help, and activation."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.domain.channels import ASSISTED
from services.identity.domain.contacts import mobile_number
from services.identity.domain.online import OpeningRequest, single_contact
from services.identity.domain.opening import Contact, checked_contact
from services.identity.models.accounts import Code, Identifier, Password
from services.identity.models.base import Body, Text, one_of
from services.identity.models.records import InsBody
from services.identity.usecases.open_alone import AccountRequest
from services.identity.usecases.open_assisted import AssistedOutcome
from shared.values import Ins, check_key

CardSerial = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{6,24}$", description="serial number of the Vitale card")]
SentSecondFactor = Annotated[Literal["mail", "sms"], Field(description="where the code of each sign-in is sent")]
DoctorId = Annotated[
    Text | None, Field(description="the médecin traitant: 8 and the RPPS number", examples=["899700000001"])
]
Mail = Annotated[Text | None, Field(examples=["dominique.pat-trois@patient.example"])]
Mobile = Annotated[Text | None, Field(examples=["+33612345678"])]
Terms = Annotated[
    Text, Field(description="the version of the terms that is accepted; GET /terms", examples=["2026-11"])
]


def checked_ins(body: InsBody, *, test_keys: bool) -> Ins:
    """Raises InvalidInsError, UnknownInsSystemError, WrongInsKeyError."""
    ins = Ins.parse(body.value, body.oid)
    check_key(ins, lenient_test_oids=test_keys)
    return ins


class OnlineBody(Body):
    """Who wants a record, and where the code goes: a mail address or a mobile number."""

    ins: InsBody
    card_serial: CardSerial
    mail: Mail = None
    mobile: Mobile = None
    language: Text = Field(default="fr", json_schema_extra=one_of("fr", "en"))

    def opening_request(self, *, test_keys: bool) -> OpeningRequest:
        """Raises InvalidInsError and its kinds, ContactNeededError, MailInvalidError, MobileInvalidError."""
        mobile = None if self.mobile is None else mobile_number(self.mobile)
        return OpeningRequest(
            checked_ins(self.ins, test_keys=test_keys),
            self.card_serial,
            single_contact(self.mail, mobile, self.language),
        )


class OpeningRequestView(BaseModel):
    """The same for everybody."""

    opening_id: UUID
    valid_minutes: int
    detail: str


class OpeningCodeBody(Body):
    """The code that came."""

    code: Code


class TicketView(BaseModel):
    """What the opening is gone on with; it serves once."""

    ticket: str


class AccountBody(Body):
    """How the person will sign in."""

    terms_version: Terms
    identifier: Identifier
    password: Password
    second_factor: SentSecondFactor = "mail"

    def account_request(self, attending_doctor_id: str | None = None) -> AccountRequest:
        """As it is chosen."""
        return AccountRequest(
            self.identifier, self.password, self.second_factor, self.terms_version, attending_doctor_id
        )


class CompleteBody(AccountBody):
    """The ticket, and what the person chooses."""

    ticket: Annotated[str, Field(min_length=1, max_length=100)]
    attending_doctor_id: DoctorId = None


class AssistedBody(Body):
    """Who is there with their card, and has agreed."""

    ins: InsBody
    card_serial: CardSerial
    consent_noted: bool
    mail: Mail = None
    mobile: Mobile = None
    language: Text = Field(default="fr", json_schema_extra=one_of("fr", "en"))
    channel: Text | None = Field(
        default=None,
        description="by which way; without it, what the token says",
        json_schema_extra=one_of(*ASSISTED),
    )
    attending_doctor_id: DoctorId = None

    def parsed_contact(self) -> Contact:
        """Raises MailInvalidError, MobileInvalidError, LanguageUnknownError."""
        parsed = checked_contact(self.mail, self.language, "holder")
        mobile = None if self.mobile is None else mobile_number(self.mobile)
        return Contact(parsed.mail, parsed.language, parsed.relation, mobile)


class AssistedView(BaseModel):
    """The record, and how the activation code goes to the person; null: the account is active. `contact_from`: from
    when on the stated contact counts; null: it does, or will not."""

    record_id: UUID
    code_sent: Literal["mail", "letter", "sms"] | None
    contact_from: datetime | None = None

    @classmethod
    def of(cls, outcome: AssistedOutcome) -> "AssistedView":
        """The view of what became of it."""
        return cls(record_id=outcome.record_id, code_sent=outcome.code_sent, contact_from=outcome.contact_from)


class ContactObjectionBody(Body):
    """Whose contact it is, and the code to object that came with the word of a new one."""

    ins: InsBody
    code: Annotated[str, Field(min_length=1, max_length=40, examples=["7K2M-9XQ4-1CVB"])]


class ActivationBody(AccountBody):
    """The number, the code that came, and how the person will sign in. Mail or mobile: where none is on file, or
    another is wanted."""

    ins: InsBody
    code: Annotated[str, Field(min_length=1, max_length=40, examples=["7K2M-9XQ4-1CVB"])]
    mail: Mail = None
    mobile: Mobile = None

    def parsed_addresses(self) -> tuple[str | None, str | None]:
        """Raises MailInvalidError, MobileInvalidError."""
        mail = checked_contact(self.mail, "fr", "holder").mail
        return mail, None if self.mobile is None else mobile_number(self.mobile)


class ActivationView(BaseModel):
    """Whose account is active now."""

    record_id: UUID


class TermsView(BaseModel):
    """The version of the terms of use that is accepted now."""

    version: str
