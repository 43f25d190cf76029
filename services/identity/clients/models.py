"""The bodies and views of client registration, and the view of an access token."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, Field

from services.identity.clients.domain.clients import ClientBindings, ClientKind, ClientStatus, NewClient, new_client
from services.identity.clients.domain.messaging import ClientClass, ClientMessaging, client_messaging
from services.identity.clients.domain.registrations import ClientChange, Registration
from services.identity.clients.domain.tokens import AccessToken
from services.identity.clients.usecases.list_clients import ClientPage
from services.identity.directory.domain.kinds import check_organisation
from services.identity.kit.bodies import Body, Name, Text, one_of
from shared.contracts.identity import ClientListener


class TokenView(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a type, not a secret
    expires_in: int
    scope: str

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        """Returns the view of a token."""
        return cls(access_token=token.text, expires_in=token.seconds, scope=" ".join(sorted(token.scopes)))


class ClientBody(Body):
    """A software client to register, with the public keys of its assertions."""

    name: Name = Field(examples=["Hôpital de Démonstration, DPI"])
    kind: Text = Field(json_schema_extra=one_of("software", "administrator", "operator"), examples=["software"])
    scopes: list[Text] = Field(max_length=20, examples=[["documents.deposit"]])
    keys: list[dict[str, Any]] = Field(max_length=10, description="public JWKs", examples=[[{"kty": "EC"}]])
    organisation_id: Text | None = Field(default=None, examples=["1750000001"])
    activity: Text | None = Field(
        default=None, description="NAF code of the organisation; required unless it is in FINESS", examples=["86.10Z"]
    )
    sector: Text | None = Field(default=None, description="TRE_R02-SecteurActivite", examples=["SA01"])
    certificate_subject: Text | None = Field(
        default=None,
        description="subject in RFC 4514 form, for tls_client_auth (RFC 8705) with the structure's certificate",
        examples=["CN=dpi.hopital.example,OU=1750000001,O=HOPITAL,C=FR"],
    )
    psc_client_id: Text | None = Field(
        default=None, description="the software's own client id at Pro Santé Connect, for token exchange"
    )

    def client(self) -> NewClient:
        """Returns the checked client. Raises what `new_client` and `check_organisation` raise."""
        bindings = ClientBindings(self.certificate_subject, self.psc_client_id)
        client = new_client(self.name, self.kind, self.scopes, self.keys, self.organisation_id, bindings)
        check_organisation(client.organisation_id, self.activity, self.sector)
        return client


class ClientView(BaseModel):
    """The id with which the client requests tokens."""

    client_id: str


class ClientChangeBody(Body):
    """New values of a client's data. What is left out keeps its value; kind and structure never change."""

    name: Name | None = Field(default=None, examples=["Hôpital de Démonstration, DPI 2"])
    scopes: list[Text] | None = Field(default=None, max_length=20, examples=[["documents.deposit", "documents.read"]])
    certificate_subject: Text | None = Field(default=None, description="subject in RFC 4514 form; null removes it")
    psc_client_id: Text | None = Field(
        default=None, description="the software's own client id at Pro Santé Connect; null removes it"
    )

    def change(self) -> ClientChange:
        """Returns the members that the caller sent."""
        return cast("ClientChange", self.model_dump(exclude_unset=True))


class ClientKeysBody(Body):
    """Public keys to take beside those that the client has, four in all."""

    keys: list[dict[str, Any]] = Field(
        min_length=1, max_length=10, description="public JWKs", examples=[[{"kty": "EC"}]]
    )


class RegistrationView(BaseModel):
    """A registered client, its public keys and its status."""

    client_id: str
    name: str
    kind: ClientKind
    status: ClientStatus
    scopes: list[str]
    organisation_id: str | None
    certificate_subject: str | None
    psc_client_id: str | None
    keys: list[dict[str, str]]
    registered_at: datetime

    @classmethod
    def of(cls, registration: Registration) -> Self:
        """Returns the view of a registration."""
        client = registration.client
        return cls(
            client_id=registration.id,
            name=client.name,
            kind=client.kind,
            status=registration.status,
            scopes=sorted(client.scopes),
            organisation_id=client.organisation_id,
            certificate_subject=client.certificate_subject,
            psc_client_id=client.psc_client_id,
            keys=list(client.jwks),
            registered_at=registration.registered_at,
        )


class ClientsView(BaseModel):
    """A page of registered clients, in the order of their registration."""

    clients: list[RegistrationView]
    next: str | None

    @classmethod
    def of(cls, page: ClientPage) -> Self:
        """Returns the view of a page."""
        return cls(clients=[RegistrationView.of(registration) for registration in page.registrations], next=page.next)


CertificateText = Annotated[str, Field(max_length=10_000)]


class ListenerBody(Body):
    """Where the software itself listens for messages (MLLP), for the acknowledgements of its documents' publication."""

    host: Text = Field(examples=["sil.example"])
    port: int = Field(ge=1, le=65535, examples=[2575])
    tls: bool = Field(default=True, description="whether its certificate is verified; without TLS on loopback alone")


class MessagingBody(Body):
    """How software sends messages over MLLP; it replaces what was set before."""

    certificates: list[CertificateText] = Field(
        default=[], max_length=8, description="client certificates in PEM, or their SHA-256 digests in hexadecimal"
    )
    applications: list[Text] = Field(
        default=[], max_length=50, description="sending applications, MSH-3|MSH-4", examples=[["SIL-Y|labo"]]
    )
    client_class: ClientClass = Field(default="interactive", description="its lane: interactive or bulk")
    listener: ListenerBody | None = Field(default=None, description="where it listens itself")

    def messaging(self) -> ClientMessaging:
        """Returns the checked settings. Raises MessagingInvalidError."""
        listener = None if self.listener is None else ClientListener(**self.listener.model_dump())
        return client_messaging(self.certificates, self.applications, self.client_class, listener)


class MessagingView(BaseModel):
    """How software sends messages over MLLP."""

    certificates: list[str]
    applications: list[str]
    client_class: ClientClass
    listener: ClientListener | None

    @classmethod
    def of(cls, messaging: ClientMessaging) -> Self:
        """Returns the view of the settings."""
        return cls(
            certificates=list(messaging.certificates),
            applications=list(messaging.applications),
            client_class=messaging.client_class,
            listener=messaging.listener,
        )
