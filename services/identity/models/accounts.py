"""Signing in, and what a holder changes of how they do."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.domain.accounts import SECOND_FACTORS
from services.identity.domain.sessions import Device
from services.identity.models.base import Body, Text, one_of
from services.identity.usecases.finish_sign_in import SignedIn
from services.identity.usecases.start_sign_in import Asked
from services.identity.usecases.start_totp import Enrolment

Password = Annotated[str, Field(min_length=1, max_length=1000)]
Identifier = Annotated[str, Field(min_length=1, max_length=254, examples=["dominique.pat-trois@patient.example"])]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["123456"])]
Token = Annotated[str, Field(min_length=1, max_length=200)]
DeviceToken = Annotated[
    Token | None, Field(description="what this device was given at an earlier sign-in; without it the device is new")
]


class SignInBody(Body):
    """Who somebody says to be."""

    identifier: Identifier
    password: Password
    device_token: DeviceToken = None


class CodeBody(Body):
    """The code that was sent, or that the application shows."""

    code: Code


class RefreshBody(Body):
    """The token that continues a session; each serves once."""

    refresh_token: Token


class ResetBody(Body):
    """Whose password is forgotten."""

    identifier: Identifier
    device_token: DeviceToken = None


class NewPasswordBody(Body):
    """The code that was sent, and the password to be: 12 to 128 characters."""

    code: Code
    password: Password


class ChangePasswordBody(Body):
    """The password as it is, and the one to be: 12 to 128 characters."""

    password: Password
    new_password: Password


class ContactChangeBody(Body):
    """One new mail address, or one new mobile number."""

    mail: Text | None = None
    mobile: Annotated[str, Field(min_length=1, max_length=30, examples=["06 39 98 00 01"])] | None = None


class BothCodesBody(Body):
    """The code that went to the contact on file, and the one that went to the new place."""

    old_code: Code
    new_code: Code


class PasswordBody(Body):
    """The password once more."""

    password: Password


class SecondFactorBody(Body):
    """How codes come from now on."""

    second_factor: Annotated[str, Field(json_schema_extra=one_of(*SECOND_FACTORS[:2]))]
    password: Password


class AskedView(BaseModel):
    """What is asked for next: a code, at the address of the challenge."""

    challenge_id: UUID
    second_factor: Literal["mail", "sms", "totp"]
    expires_in: int = Field(description="seconds")

    @classmethod
    def of(cls, asked: Asked) -> "AskedView":
        """The view of a challenge."""
        return cls(challenge_id=asked.challenge_id, second_factor=asked.second_factor, expires_in=asked.seconds)


class ChallengeView(BaseModel):
    """Codes are on their way, if there is anybody to send them to."""

    challenge_id: UUID
    expires_in: int = Field(description="seconds")


class SessionView(BaseModel):
    """The tokens of a session (RFC 6749, section 5.1). `device_token`: for a device that was not known before; keep it
    and show it at the next sign-in."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    scope: str
    refresh_token: str
    device_token: str | None = None

    @classmethod
    def of(cls, signed_in: SignedIn) -> "SessionView":
        """The answer that carries the tokens."""
        return cls(
            access_token=signed_in.access.text,
            expires_in=signed_in.access.seconds,
            scope=" ".join(sorted(signed_in.access.scopes)),
            refresh_token=signed_in.refresh_token,
            device_token=signed_in.device_token,
        )


class KnownDeviceView(BaseModel):
    """This device is known from now on: show its token at the next sign-in."""

    device_token: str


class DeviceView(BaseModel):
    """A device that has signed in. `name`: browser and system; `current`: the one that asks."""

    device_id: UUID
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    signed_in: bool
    current: bool

    @classmethod
    def of(cls, device: Device, session_id: UUID | None) -> "DeviceView":
        """The view of a device."""
        return cls(
            device_id=device.id,
            name=device.name,
            first_seen_at=device.first_seen_at,
            last_seen_at=device.last_seen_at,
            signed_in=device.session_id is not None,
            current=device.session_id is not None and device.session_id == session_id,
        )


class EnrolmentView(BaseModel):
    """For the application (RFC 6238, the defaults of all): shown once. Confirm with its first code."""

    challenge_id: UUID
    secret: str = Field(description="base32")
    uri: str = Field(description="otpauth://, to be shown as a QR code")

    @classmethod
    def of(cls, enrolment: Enrolment) -> "EnrolmentView":
        """The answer that carries the secret."""
        return cls(challenge_id=enrolment.challenge_id, secret=enrolment.secret, uri=enrolment.uri)
