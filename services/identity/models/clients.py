"""Registration of software."""

from typing import Any

from pydantic import BaseModel, Field

from services.identity.models.base import Body, Name, Text, one_of


class ClientBody(Body):
    """Software to be registered, with the public halves of the keys that will sign its assertions."""

    name: Name = Field(examples=["Hôpital de Démonstration, DPI"])
    kind: Text = Field(json_schema_extra=one_of("software", "administrator", "operator"), examples=["software"])
    scopes: list[Text] = Field(max_length=20, examples=[["documents.deposit"]])
    keys: list[dict[str, Any]] = Field(max_length=10, description="public JWKs", examples=[[{"kty": "EC"}]])
    organisation_id: Text | None = Field(default=None, examples=["1750000001"])


class ClientView(BaseModel):
    """The id under which the client asks for tokens."""

    client_id: str
