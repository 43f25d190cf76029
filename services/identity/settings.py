"""The settings of identity, read from `IDENTITY_<SECTION>__<FIELD>`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.identity.clients.domain.tokens import SigningKeys
from shared.errors import CodedError
from shared.loopback import is_loopback
from shared.runtime.secret_files import EnvironmentSettings
from shared.runtime.setting_types import KeyringText, SignatureKeysText
from shared.runtime.settings import (
    ParameterSettings,
    PostgresSettings,
    Section,
    ServiceSettings,
)


def _signing_keys(value: SecretStr) -> SecretStr:
    try:
        SigningKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


SigningKeysText = Annotated[SecretStr, AfterValidator(_signing_keys)]


class KeySettings(Section):
    """Keyrings in the form `kid:base64url[,...]` with the active key first, and the signing keys.

    To rotate a keyring, add the new key last everywhere, then move it first. Keep an older key for as long as data is
    sealed under it (`keys status`, `keys rewrap`). Never remove a key of `ins_hmac`: a record is found only under the
    key with which it was opened.

    `ins_hmac`: fingerprints, shared with records; `contacts`: data sealed for notify; `people_to_call`: lists sealed
    for records; `persons`: data in identity's own database; `signing`: a JSON array of private JWKs (EC P-256 with
    `kid`), of which the first signs and all are published. To rotate signing keys, add the new key last, move it first
    10 minutes later, and remove the old one another 10 minutes later.
    """

    ins_hmac: KeyringText
    contacts: KeyringText
    people_to_call: KeyringText
    persons: KeyringText
    signing: SigningKeysText
    receipts: SignatureKeysText = Field(
        description="private JWKs (OKP Ed25519 with `kid`) of erasure receipts: the first signs, all are published"
    )


class RetentionSettings(Section):
    """Retention of closed records, and the periods that an erasure receipt promises."""

    closed_years: int = Field(
        default=10, ge=1, description="years after its closing when a record is erased (L1111-18)"
    )
    backups_days: int = Field(
        default=90,
        ge=0,
        description="longest retention of any backup of any service, in days: T2 of an erasure receipt",
    )
    acknowledgement_s: float = Field(
        default=3600,
        gt=0,
        description="seconds after which an erasure without acknowledgement by a service raises an alarm",
    )


class ErasureExportSettings(Section):
    """Files with the ids of erased records, outside every backup: a restored database erases again whom they name."""

    folder: Path | None = Field(
        default=None, description="folder of the files, on another disk; without it none is written"
    )
    every_s: float = Field(default=3600, gt=0, description="seconds between two files")
    kept: int = Field(default=48, ge=1, description="files that are kept, the newest ones")


class AccountSettings(Section):
    """Authentication of record holders."""

    password_memory_kib: int = Field(
        default=19456, ge=19456, description="argon2id: memory in KiB, at least OWASP's 19 MiB"
    )
    password_passes: int = Field(default=2, ge=2, description="argon2id: number of passes")
    password_lanes: int = Field(default=1, ge=1, description="argon2id: parallelism")
    refusal_s: float = Field(
        default=0.5, ge=0, description="seconds after which a refused sign-in is answered, at the earliest"
    )
    code_minutes: int = Field(default=10, ge=1, le=60, description="minutes for which a sent code is valid")
    session_idle_h: float = Field(default=24, gt=0, description="hours without refresh after which a session ends")
    session_days: float = Field(default=30, gt=0, description="longest duration of a session, in days")
    app_name: str = Field(default="Dossier médical", description="name that an authenticator application shows")


class ProfessionalSettings(Section):
    """Authentication of professionals and of their structures' software. A method without settings is disabled."""

    psc_issuer: str | None = Field(default=None, description="Pro Santé Connect: issuer of its discovery document")
    psc_client_id: str | None = Field(default=None, description="this service's client id at Pro Santé Connect")
    psc_secret: SecretStr | None = Field(default=None, description="this service's client secret at Pro Santé Connect")
    psc_redirect_uri: str | None = Field(
        default=None, description="redirect URI registered there: .../professionals/callback"
    )
    psc_pages_uri: str | None = Field(
        default=None,
        description="redirect URI of the pages registered there: .../session/pro-sante-connect; without it "
        "professionals sign in over the API alone",
    )
    psc_acr: str = Field(default="eidas1", description="requested level of authentication")
    motives: KeyringText | None = Field(
        default=None, description="keyring for motives, shared with audit; emergency modes need it"
    )
    emergency_s: int = Field(default=120, ge=30, le=300, description="lifetime of an emergency token in seconds")
    break_glass_per_hour: int = Field(
        default=10,
        ge=1,
        description="limit per professional; beyond it, an alarm is raised and each needs a fresh identity proof",
    )
    centre_15_per_hour: int = Field(
        default=60, ge=1, description="limit per regulating doctor, with the effect of break_glass_per_hour"
    )
    centres_15: tuple[str, ...] = Field(
        default=(), description="structures (Struct_IdNat) whose doctors regulate emergencies"
    )
    edge_keys: KeyringText | None = Field(default=None, description="keyring shared with the TLS entrance")
    card_roots: Path | None = Field(default=None, description="PEM file: root certificates of the IGC-Santé")
    card_persons: Path | None = Field(default=None, description="PEM file: issuers of cards")
    card_organisations: Path | None = Field(
        default=None, description="PEM file: issuers of organisations' certificates"
    )
    card_revocations: Path | None = Field(
        default=None, description="PEM file: revocation lists, read again when the file changes"
    )

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
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
    """Shortcuts for a demonstration on one machine. They are rejected unless the API listens on a loopback address."""

    sign_in: bool = False
    test_nir_keys: bool = False


class OpeningSettings(Section):
    """Opening of records: by the person alone, with help, and automatically unless the person objects."""

    window_days: int = Field(
        default=30, ge=0, description="days to object before a campaign opens (national parameter; the law now says 42)"
    )
    rate: int = Field(default=5000, ge=1, description="maximum number of notices that a campaign hands over per second")
    page: int = Field(default=250, ge=1, le=2000, description="people that a campaign processes in one transaction")
    objection_url: str = Field(
        default="https://dmp.example/opposition", description="URL for objections that a notice names"
    )
    terms_version: str = Field(default="2026-11", description="version of the current terms of use")
    contact_wait_h: float = Field(
        default=48, gt=0, description="hours to object before a new contact counts where another is on file"
    )


class CareSettings(Section):
    """Invitations of carers."""

    invitation_days: int = Field(default=30, ge=1, description="days for which an invitation can be answered")


class Settings(ServiceSettings):
    """All settings of the service identity."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    demo: DemoSettings = DemoSettings()
    accounts: AccountSettings = AccountSettings()
    professionals: ProfessionalSettings = ProfessionalSettings()
    openings: OpeningSettings = OpeningSettings()
    care: CareSettings = CareSettings()
    retention: RetentionSettings = RetentionSettings()
    erasures: ErasureExportSettings = ErasureExportSettings()
    parameters: ParameterSettings = ParameterSettings()

    @model_validator(mode="after")
    def _check_demo_on_loopback(self) -> Self:
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
    people_to_call: KeyringText
    persons: KeyringText


class ImportSettings(EnvironmentSettings):
    """The settings of an import: a part of identity's own."""

    model_config = Settings.model_config
    postgres: PostgresSettings
    keys: ImportKeySettings
    demo: DemoSettings = DemoSettings()
