"""Bodies and views of the sign-in of professionals."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.identity.kit.bodies import Body, Text, one_of
from services.identity.professionals.domain.modes import MAX_MOTIVE_LENGTH, MODES

Mode = Annotated[str, Field(max_length=32, json_schema_extra=one_of(*MODES), examples=["normal"])]
Motive = Annotated[
    str,
    Field(
        max_length=4 * MAX_MOTIVE_LENGTH,
        description="10 to 500 characters; required for bris_de_glace and centre_15, not allowed otherwise",
        examples=["Patient inconscient amené par le SMUR"],
    ),
]
Patient = Annotated[
    str,
    Field(
        max_length=80,
        description="patient of bris_de_glace or centre_15, urn:oid:<OID>|<INS>; not allowed otherwise",
        examples=["urn:oid:1.2.250.1.213.1.4.10|279035121518989"],
    ),
]
OrganisationId = Annotated[Text, Field(description="one of your structures; required when you have several")]


class ProfessionalSignInBody(Body):
    """The access mode and structure of a token request. Motive and patient never appear in a URL."""

    mode: Mode = "normal"
    motive: Motive | None = None
    patient: Patient | None = None
    organisation_id: OrganisationId | None = None


class ProviderSignInBody(ProfessionalSignInBody):
    """A sign-in at Pro Santé Connect."""

    prompt: Literal["login"] | None = Field(
        default=None, description="login: the provider authenticates the person again (OpenID Connect Core 3.1.2.1)"
    )


class RedirectionView(BaseModel):
    """The URL to which the browser goes to sign in."""

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
