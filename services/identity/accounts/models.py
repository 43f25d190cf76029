"""The bodies and views of sign-in, and of changes to password and second factor."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.accounts.domain.accounts import SECOND_FACTORS, SignInFactor
from services.identity.accounts.domain.sessions import Device
from services.identity.accounts.usecases.finish_sign_in import SessionTokens
from services.identity.accounts.usecases.start_sign_in import SignInChallenge
from services.identity.accounts.usecases.start_totp import TotpEnrolment
from services.identity.kit.bodies import Body, Code, SignInCode, one_of

Password = Annotated[str, Field(min_length=1, max_length=1000)]
Identifier = Annotated[str, Field(min_length=1, max_length=254, examples=["dominique.pat-trois@patient.example"])]
Token = Annotated[str, Field(min_length=1, max_length=200)]
DeviceToken = Annotated[
    Token | None,
    Field(description="token that this device got at an earlier sign-in; without it the device counts as new"),
]


class PasswordSignInBody(Body):
    """The credentials of a sign-in."""

    identifier: Identifier
    password: Password
    device_token: DeviceToken = None


class CodeBody(Body):
    """The code that was sent, or that the application shows."""

    code: Code


class SignInCodeBody(Body):
    """The code that was sent, that the application shows, or that stands on the sheet of paper codes."""

    code: SignInCode


class RefreshBody(Body):
    """The token that continues a session; each works once."""

    refresh_token: Token


class PasswordResetBody(Body):
    """The account whose password is reset."""

    identifier: Identifier
    device_token: DeviceToken = None


class NewPasswordBody(Body):
    """The code that was sent, and the new password: 12 to 128 characters."""

    code: Code
    password: Password


class ChangePasswordBody(Body):
    """The current password, and the new one: 12 to 128 characters."""

    password: Password
    new_password: Password


class PasswordBody(Body):
    """The password, given again for confirmation."""

    password: Password


class SecondFactorBody(Body):
    """The second factor to use from now on, confirmed with the password."""

    second_factor: Annotated[str, Field(json_schema_extra=one_of(*SECOND_FACTORS[:2]))]
    password: Password


class SignInChallengeView(BaseModel):
    """A challenge that a code answers, with the second factor that brings the code."""

    challenge_id: UUID
    second_factor: SignInFactor
    expires_in: int = Field(description="seconds")

    @classmethod
    def of(cls, challenge: SignInChallenge) -> "SignInChallengeView":
        """Returns the view of a challenge."""
        return cls(
            challenge_id=challenge.challenge_id,
            second_factor=challenge.second_factor,
            expires_in=challenge.seconds,
        )


class ChallengeView(BaseModel):
    """A challenge whose codes were sent, if the account exists."""

    challenge_id: UUID
    expires_in: int = Field(description="seconds")

    @classmethod
    def of(cls, challenge_id: UUID, lifetime: timedelta) -> "ChallengeView":
        """Returns the view of a challenge."""
        return cls(challenge_id=challenge_id, expires_in=int(lifetime.total_seconds()))


class SessionView(BaseModel):
    """The tokens of a session (RFC 6749, section 5.1).

    `device_token`: for a new device; store it and send it at the next sign-in.
    """

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    scope: str
    refresh_token: str
    device_token: str | None = None

    @classmethod
    def of(cls, tokens: SessionTokens) -> "SessionView":
        """Returns the view of the tokens."""
        return cls(
            access_token=tokens.access.text,
            expires_in=tokens.access.seconds,
            scope=" ".join(sorted(tokens.access.scopes)),
            refresh_token=tokens.refresh_token,
            device_token=tokens.device_token,
        )


class KnownDeviceView(BaseModel):
    """The token of this device, which is known from now on; send it at the next sign-in."""

    device_token: str


class DeviceView(BaseModel):
    """A device that has signed in. `name`: browser and system; `current`: this request comes from it."""

    device_id: UUID
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    signed_in: bool
    current: bool

    @classmethod
    def of(cls, device: Device, session_id: UUID | None) -> "DeviceView":
        """Returns the view of a device. `session_id`: the caller's session."""
        return cls(
            device_id=device.id,
            name=device.name,
            first_seen_at=device.first_seen_at,
            last_seen_at=device.last_seen_at,
            signed_in=device.session_id is not None,
            current=device.session_id is not None and device.session_id == session_id,
        )


class PaperCodesView(BaseModel):
    """Ten single-use codes, shown once."""

    codes: list[str]


class EnrolmentView(BaseModel):
    """The secret for an authenticator application (RFC 6238 with default parameters), shown once.

    Confirm it with the first code.
    """

    challenge_id: UUID
    secret: str = Field(description="base32")
    uri: str = Field(description="otpauth:// URI to show as a QR code")

    @classmethod
    def of(cls, enrolment: TotpEnrolment) -> "EnrolmentView":
        """Returns the view of an enrolment."""
        return cls(challenge_id=enrolment.challenge_id, secret=enrolment.secret, uri=enrolment.uri)
