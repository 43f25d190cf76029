"""The bodies of answers about certificates."""

from pydantic import BaseModel, Field


class CertificateKey(BaseModel):
    """A public key of the issuer (RFC 7517)."""

    kty: str = Field(description="kind of the key", examples=["EC"])
    crv: str = Field(description="its curve", examples=["P-256"])
    x: str = Field(description="first coordinate, base64url")
    y: str = Field(description="second coordinate, base64url")
    kid: str = Field(description="its thumbprint (RFC 7638)")
    use: str = Field(description="what it is for", examples=["sig"])
    alg: str = Field(description="algorithm of its signatures", examples=["ES256"])
    crlVersion: int = Field(description="`ctr` of its list of revoked certificates")  # noqa: N815  # its name there


class CertificateKeys(BaseModel):
    """The public keys of the issuer: the active one, then those of earlier certificates."""

    keys: list[CertificateKey] = Field(description="the active key first")


class RevokedCertificates(BaseModel):
    """The revoked certificates of one key."""

    kid: str = Field(description="the key")
    method: str = Field(description="how certificates are named", examples=["rid"])
    ctr: int = Field(description="grows with each revoked certificate")
    rids: list[str] = Field(description="the certificates, by `vc.rid`")
