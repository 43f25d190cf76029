"""What identity's API takes and gives. Values with rules of their own are text here: the domain names their errors."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.identity.domain.assertions import ALGORITHMS
from services.identity.domain.clients import SCOPES
from services.identity.domain.directory import (
    Professional,
    Structure,
    profession_code,
    professional_id,
    structure_id,
)
from services.identity.domain.opening import Contact, Person, RecordState, contact, sex
from services.identity.domain.tokens import AccessToken, Issuer
from shared.values import Ins, StrictTraits

Text = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
InForce = Literal["on-its-way", "in-force"]


def _one_of(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


class Body(BaseModel):
    """A request body: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class InsBody(Body):
    """The national health identity number and the system it is under."""

    value: Text = Field(description="15 characters: 13 and the key", examples=["255069999999934"])
    oid: Text = Field(description="NIR .8, NIA .9, tests .10 and .11", examples=["1.2.250.1.213.1.4.10"])


class TraitsBody(Body):
    """Strict traits, as on the identity document."""

    birth_name: Text = Field(examples=["PAT-TROIS"])
    given_name: Text = Field(description="first birth given name", examples=["DOMINIQUE"])
    birth_date: Text = Field(description="YYYY-MM-DD", examples=["1955-06-12"])
    sex: Text = Field(json_schema_extra=_one_of("male", "female", "unknown"), examples=["female"])
    birth_place: Text | None = Field(default=None, description="INSEE commune code (COG)", examples=["63220"])


class ContactBody(Body):
    """Where and in which language the person is told things."""

    mail: Text | None = Field(default=None, examples=["dominique.pat-trois@patient.example"])
    language: Text = Field(json_schema_extra=_one_of("fr", "en"), examples=["fr"])
    relation: Text = Field(default="holder", json_schema_extra=_one_of("holder", "representative"))


class OpenRecordBody(Body):
    """Whose record is to be opened."""

    ins: InsBody
    traits: TraitsBody
    contact: ContactBody

    def person(self) -> Person:
        """Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        stated = self.traits
        traits = StrictTraits(
            birth_name=stated.birth_name,
            given_name=stated.given_name,
            birth_date=stated.birth_date,
            sex=sex(stated.sex),
            birth_place=stated.birth_place,
        )
        return Person(Ins.parse(self.ins.value, self.ins.oid), traits)

    def to_be_told(self) -> Contact:
        """Raises MailInvalidError, LanguageUnknownError, RelationUnknownError."""
        return contact(self.contact.mail, self.contact.language, self.contact.relation)


class RecordView(BaseModel):
    """A record: its id everywhere else, and whether this version is in force where reads and deposits are decided."""

    record_id: UUID
    version: int
    status: InForce

    @classmethod
    def of(cls, record: RecordState) -> "RecordView":
        """The view of a state."""
        return cls(
            record_id=record.id, version=record.version, status="in-force" if record.is_in_force else "on-its-way"
        )


DirectoryStatus = Literal["active", "inactive"]


class ProfessionalBody(Body):
    """The public entry of a professional."""

    name: Name = Field(examples=["Dr Camille MARTIN"])
    profession: Text = Field(description="code of JDV_J65: G15_10, or 10 for TRE_G15", examples=["G15_10"])
    status: DirectoryStatus = "active"
    structure_ids: list[Text] = Field(default=[], max_length=50, examples=[["1750000001"]])

    def entry(self, identifier: str) -> Professional:
        """Raises InvalidNationalIdError, ProfessionUnknownError."""
        structures = tuple(sorted({structure_id(one) for one in self.structure_ids}))
        return Professional(
            professional_id(identifier), self.name, profession_code(self.profession), self.status, structures
        )


class ProfessionalView(BaseModel):
    """The entry as it stands."""

    professional_id: str
    version: int
    name: str
    profession: str
    status: DirectoryStatus
    structure_ids: list[str]


class StructureBody(Body):
    """The public entry of a structure."""

    name: Name = Field(examples=["Hôpital de Démonstration"])
    status: DirectoryStatus = "active"

    def entry(self, identifier: str) -> Structure:
        """Raises InvalidNationalIdError."""
        return Structure(structure_id(identifier), self.name, self.status)


class StructureView(BaseModel):
    """The entry as it stands."""

    structure_id: str
    version: int
    name: str
    status: DirectoryStatus


class ClientBody(Body):
    """Software to be registered, with the public halves of the keys that will sign its assertions."""

    name: Name = Field(examples=["Hôpital de Démonstration, DPI"])
    kind: Text = Field(json_schema_extra=_one_of("software", "administrator", "operator"), examples=["software"])
    scopes: list[Text] = Field(max_length=20, examples=[["documents.deposit"]])
    keys: list[dict[str, Any]] = Field(max_length=10, description="public JWKs", examples=[[{"kty": "EC"}]])
    organisation_id: Text | None = Field(default=None, examples=["1750000001"])


class ClientView(BaseModel):
    """The id under which the client asks for tokens."""

    client_id: str


class PatientSignIn(Body):
    """As the holder of a record."""

    kind: Literal["patient"]
    record_id: Annotated[UUID, Field(strict=False)]


class ProfessionalSignIn(Body):
    """As a professional of the directory; `organisation_id` is needed where several structures are named there."""

    kind: Literal["professional"]
    professional_id: Text
    organisation_id: Text | None = None


class TokenView(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    scope: str

    @classmethod
    def of(cls, token: AccessToken) -> "TokenView":
        """The answer that carries a token."""
        return cls(access_token=token.text, expires_in=token.seconds, scope=" ".join(sorted(token.scopes)))


class JwksView(BaseModel):
    """The issuer's public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class IssuerView(BaseModel):
    """Authorization server metadata (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]

    @classmethod
    def of(cls, issuer: Issuer) -> "IssuerView":
        """What software needs to know to ask for tokens."""
        return cls(
            issuer=issuer.url,
            token_endpoint=issuer.token_endpoint,
            jwks_uri=issuer.jwks_url,
            response_types_supported=[],
            grant_types_supported=["client_credentials"],
            scopes_supported=sorted(frozenset().union(*SCOPES.values())),
            token_endpoint_auth_methods_supported=["private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        )
