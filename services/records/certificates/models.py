"""The bodies of requests and answers about certificates."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.certificates.domain.doses import MOST_DOSES, DoseSelection, Holder
from services.records.certificates.domain.health_card import MEDIA_TYPE
from services.records.certificates.domain.qr_text import MOST_CODES
from services.records.certificates.domain.requests import CertificateRequest
from shared.errors import InvalidError
from shared.terminology.vaccines import vaccine_diseases
from shared.values import StrictTraits


class DoseSelectionError(InvalidError):
    """Name either a disease by its code, such as measles, or doses by the ids of their facts."""

    code = "dose-selection-invalid"
    french = "Indiquez soit une maladie par son code, tel que measles, soit des doses par leurs identifiants."


class CertificateFormat(StrEnum):
    """How a certificate is answered."""

    CARD = "card"
    PDF = "pdf"
    SVG = "svg"
    PNG = "png"

    @property
    def media_type(self) -> str:
        """The Content-Type of the answer."""
        return {"card": MEDIA_TYPE, "pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}[self.value]

    @property
    def file_name(self) -> str:
        """The name under which the answer is saved."""
        return f"certificate.{'smart-health-card' if self is CertificateFormat.CARD else self.value}"

    @property
    def most_codes(self) -> int:
        """How many QR codes may show the certificate."""
        return MOST_CODES if self in (CertificateFormat.CARD, CertificateFormat.PDF) else 1


class CertificateBody(BaseModel):
    """The person of the record, as on the identity document, and what is to be certified: a disease, or doses."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    birth_name: str = Field(max_length=100, repr=False, description="birth name", examples=["PAT-TROIS"])
    given_name: str = Field(max_length=100, repr=False, description="first given name", examples=["DOMINIQUE"])
    birth_date: str = Field(max_length=10, repr=False, description="YYYY-MM-DD", examples=["1955-06-12"])
    disease: str | None = Field(
        default=None, max_length=40, repr=False, description="all doses against this disease", examples=["measles"]
    )
    doses: frozenset[UUID] | None = Field(
        default=None, max_length=MOST_DOSES, repr=False, description="or these doses, by the ids of their facts"
    )

    def parsed(self, form: CertificateFormat) -> CertificateRequest:
        """Returns the request. Raises DoseSelectionError, InvalidTraitsError."""
        StrictTraits(self.birth_name, self.given_name, self.birth_date)
        holder = Holder(self.birth_name, self.given_name, self.birth_date)
        if bool(self.doses) == (self.disease is not None) or self.disease not in {None, *vaccine_diseases()}:
            raise DoseSelectionError
        return CertificateRequest(holder, DoseSelection(self.disease, self.doses or frozenset()), form.most_codes)


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
