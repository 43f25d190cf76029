"""Settings of identity; environment prefix IDENTITY_."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.identity.domain.places import is_loopback
from services.identity.domain.receipts import ReceiptKeys
from services.identity.domain.tokens import SigningKeys
from shared.errors import CodedError
from shared.runtime.settings import KeyringText, ParameterSettings, PostgresSettings, Section, ServiceSettings


def _signing_keys(value: SecretStr) -> SecretStr:
    try:
        SigningKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


def _receipt_keys(value: SecretStr) -> SecretStr:
    try:
        ReceiptKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


SigningKeysText = Annotated[SecretStr, AfterValidator(_signing_keys)]
ReceiptKeysText = Annotated[SecretStr, AfterValidator(_receipt_keys)]


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, active one first, and the signing keys.

    Keyrings are rotated by putting a new key first; older keys stay for as long as something lies under them (`keys
    status`, `keys rewrap`). A record is found under the `ins_hmac` key it was opened with: such a key stays for good.

    `ins_hmac`: fingerprints, shared with records; `contacts`: what is sealed for notify; `persons`: what lies in
    identity's own database; `signing`: a JSON array of private JWKs (EC P-256 with `kid`), the first signs, all are
    published. Rotation: add the new key last; 10 minutes later move it first; 10 minutes later remove the old one.
    """

    ins_hmac: KeyringText
    contacts: KeyringText
    persons: KeyringText
    signing: SigningKeysText
    receipts: ReceiptKeysText = Field(
        description="private JWKs (OKP Ed25519 with `kid`) of erasure receipts: the first signs, all are published"
    )


class RetentionSettings(Section):
    """How long what is closed is kept, and what is promised of what is erased."""

    closed_years: int = Field(default=10, ge=1, description="a record is erased so long after its closing (L1111-18)")
    backups_days: int = Field(
        default=90, ge=0, description="the longest that any backup of any service is kept: T2 of an erasure receipt"
    )
    acknowledgement_s: float = Field(
        default=3600, gt=0, description="an erasure that a service has not acknowledged for so long is an alarm"
    )


class AccountSettings(Section):
    """How holders of records prove who they are."""

    password_memory_kib: int = Field(default=19456, ge=19456, description="argon2id: memory, at least OWASP's 19 MiB")
    password_passes: int = Field(default=2, ge=2, description="argon2id: passes over that memory")
    password_lanes: int = Field(default=1, ge=1, description="argon2id: lanes")
    refusal_s: float = Field(default=0.5, ge=0, description="a refused sign-in is answered no sooner than this")
    code_minutes: int = Field(default=10, ge=1, le=60, description="how long a code that was sent is taken")
    session_idle_h: float = Field(default=24, gt=0, description="a session that is not continued for so long is over")
    session_days: float = Field(default=30, gt=0, description="no session lasts longer")
    app_name: str = Field(default="Dossier médical", description="what an application for codes shows")


class ProfessionalSettings(Section):
    """How professionals and their structures' software sign in. What is left out is a way in that is closed."""

    psc_issuer: str | None = Field(default=None, description="Pro Santé Connect: issuer of its discovery document")
    psc_client_id: str | None = Field(default=None, description="what this service is there")
    psc_secret: SecretStr | None = Field(default=None, description="its secret there")
    psc_redirect_uri: str | None = Field(default=None, description="as registered there: .../professionals/callback")
    psc_acr: str = Field(default="eidas1", description="the level of authentication asked for")
    motives: KeyringText | None = Field(
        default=None, description="keyring shared with audit, for motives; without it no emergency modes"
    )
    emergency_s: int = Field(default=120, ge=30, le=300, description="how long a token of an emergency lives")
    break_glass_per_hour: int = Field(
        default=10,
        ge=1,
        description="of one professional; beyond it an alarm, and each needs a fresh proof of identity",
    )
    centre_15_per_hour: int = Field(default=60, ge=1, description="likewise, of a regulating doctor")
    centres_15: tuple[str, ...] = Field(default=(), description="structures (Struct_IdNat) whose doctors regulate")
    edge_keys: KeyringText | None = Field(default=None, description="keyring shared with the TLS entrance")
    card_roots: Path | None = Field(default=None, description="PEM: roots of the IGC-Santé")
    card_persons: Path | None = Field(default=None, description="PEM: issuers of cards")
    card_organisations: Path | None = Field(default=None, description="PEM: issuers of organisations' certificates")
    card_revocations: Path | None = Field(
        default=None, description="PEM: revocation lists, read again when the file changes"
    )

    @model_validator(mode="after")
    def _whole_or_nothing(self) -> Self:
        groups = {
            "PSC_ISSUER, PSC_CLIENT_ID, PSC_SECRET, PSC_REDIRECT_URI": (
                *(self.psc_issuer, self.psc_client_id, self.psc_secret, self.psc_redirect_uri),
            ),
            "EDGE_KEYS, CARD_ROOTS, CARD_PERSONS, CARD_ORGANISATIONS, CARD_REVOCATIONS": (
                *(self.edge_keys, self.card_roots, self.card_persons, self.card_organisations, self.card_revocations),
            ),
        }
        for names, values in groups.items():
            if len({value is None for value in values}) > 1:
                raise ValueError(f"set all of IDENTITY_PROFESSIONALS__{{{names}}}, or none of them")
        return self


class DemoSettings(Section):
    """Conveniences of a demonstration on one machine; refused unless the API listens on the loopback."""

    sign_in: bool = False
    test_nir_keys: bool = False


class OpeningSettings(Section):
    """How records open: alone, with help, and for everyone unless refused."""

    window_days: int = Field(
        default=30, ge=0, description="days to object before a campaign opens (national parameter; the law now says 42)"
    )
    rate: int = Field(default=5000, ge=1, description="notices that a campaign hands over per second at most")
    page: int = Field(default=250, ge=1, le=2000, description="people that a campaign deals with in one transaction")
    objection_url: str = Field(default="https://dmp.example/opposition", description="where a notice says to object")
    terms_version: str = Field(default="2026-11", description="the terms of use that are accepted now")
    contact_wait_h: float = Field(
        default=48, gt=0, description="hours to object before a new contact counts where another is on file"
    )


class CareSettings(Section):
    """Carers by invitation."""

    invitation_days: int = Field(default=30, ge=1, description="how long an invitation can be answered")


class Settings(ServiceSettings):
    """Everything identity is told at its start."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    demo: DemoSettings = DemoSettings()
    accounts: AccountSettings = AccountSettings()
    professionals: ProfessionalSettings = ProfessionalSettings()
    openings: OpeningSettings = OpeningSettings()
    care: CareSettings = CareSettings()
    retention: RetentionSettings = RetentionSettings()
    parameters: ParameterSettings = ParameterSettings()

    @model_validator(mode="after")
    def _keep_demo_at_home(self) -> Self:
        if (self.demo.sign_in or self.demo.test_nir_keys) and not is_loopback(self.http.host):
            raise ValueError(
                "IDENTITY_DEMO__SIGN_IN and IDENTITY_DEMO__TEST_NIR_KEYS may be on only where IDENTITY_HTTP__HOST "
                "is a loopback address: switch them off, or listen on 127.0.0.1"
            )
        return self


class ImportKeySettings(Section):
    """The keyrings that an import needs; see KeySettings."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    ins_hmac: KeyringText
    contacts: KeyringText
    persons: KeyringText


class ImportSettings(BaseSettings):
    """What an import is told: a part of what identity itself is told."""

    model_config = Settings.model_config
    postgres: PostgresSettings
    keys: ImportKeySettings
    demo: DemoSettings = DemoSettings()
