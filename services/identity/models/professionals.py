"""Signing in as a professional."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.identity.domain.modes import LONGEST_MOTIVE, MODES
from services.identity.models.base import Body, Text, one_of

Mode = Annotated[str, Field(max_length=32, json_schema_extra=one_of(*MODES), examples=["normal"])]
Motive = Annotated[
    str,
    Field(
        max_length=4 * LONGEST_MOTIVE,
        description="10 to 500 characters; for bris_de_glace and centre_15, and only for them",
        examples=["Patient inconscient amené par le SMUR"],
    ),
]
Patient = Annotated[
    str,
    Field(
        max_length=80,
        description="of bris_de_glace and centre_15, and only of them: whose record it is for, urn:oid:<OID>|<INS>",
        examples=["urn:oid:1.2.250.1.213.1.4.10|279035121518989"],
    ),
]
OrganisationId = Annotated[Text, Field(description="one of your structures; needed where you have several")]


class SignInBody(Body):
    """What is stated when a token is asked for. Motive and patient never travel in an address."""

    mode: Mode = "normal"
    motive: Motive | None = None
    patient: Patient | None = None
    organisation_id: OrganisationId | None = None


class ProviderSignInBody(SignInBody):
    """The same at the provider."""

    prompt: Literal["login"] | None = Field(
        default=None, description="login: the provider asks for a proof of identity anew (OpenID Connect Core 3.1.2.1)"
    )


class RedirectionView(BaseModel):
    """Where the browser goes to sign in."""

    authorization_url: str


class PresenceBody(Body):
    """A proof that the patient's card was read."""

    proof: str = Field(
        min_length=1,
        max_length=4096,
        description="JWS compact by the reading software's registered key, typ presence-proof+jwt, two minutes at "
        "most: iss (client id), aud (this issuer), sub (professional), sid (of the access token), jti, iat, exp, card "
        "(SHA-256 of the serial number, hex), means (vitale-card, vitale-application), record_id or ins {value, oid}",
    )
