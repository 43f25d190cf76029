"""The settings of records, read from `RECORDS_<SECTION>__<FIELD>`."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.records.kit.keys import KeySettings, RingSettings
from services.records.quarantine.domain.rules import UnknownPersons
from shared.loopback import is_loopback
from shared.runtime.secret_files import EnvironmentSettings
from shared.runtime.setting_types import IssuerUrl
from shared.runtime.settings import CONNECTION_AGE, ParameterSettings, PostgresSettings, Section, ServiceSettings


class MllpSettings(Section):
    """The listener of HL7 v2 messages (MLLP). Without a certificate it serves loopback alone, for a demonstration.

    Its health and metrics are at WORKER__HOST and WORKER__PORT of its process.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: str | None = Field(default=None, description="file with the server's certificate chain, PEM")
    key: str | None = Field(default=None, description="file with its private key, PEM")
    client_authorities: str | None = Field(
        default=None, description="file with the authorities of the senders' certificates (IGC-Santé), PEM"
    )
    plaintext: bool = Field(default=False, description="whether to serve without TLS; on loopback only")
    processing_ids: tuple[str, ...] = Field(default=("P",), description="values of MSH-11 that are taken")
    max_connections: int = Field(default=256, ge=1)
    max_connection_age_s: float = Field(default=3600, gt=0, description=CONNECTION_AGE)
    max_clients_age_s: float = Field(
        default=600, gt=0, description="greatest age of the copy of registered software; beyond it messages wait"
    )

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        """Raises ValueError where messages would travel in clear, or where a sender could not prove who it is."""
        if self.plaintext and not is_loopback(self.host):
            raise ValueError("PLAINTEXT is for loopback only: set CERTIFICATE, KEY and CLIENT_AUTHORITIES")
        files = (self.certificate, self.key, self.client_authorities)
        if any(files) and not all(files):
            raise ValueError("CERTIFICATE, KEY and CLIENT_AUTHORITIES come together")
        return self


class QuarantineSettings(Section):
    """Refused submissions that a hospital can mend, kept for the depositor alone."""

    days: int = Field(default=30, ge=1, le=30, description="days for which one is kept")
    unknown: UnknownPersons = Field(
        default="refuse",
        description="national parameter `quarantine-unknown`: keep submissions about persons without an open record, "
        "those who refused one included, or refuse: their cause, time and keyed digest alone are kept",
    )
    unknown_days: int = Field(default=30, ge=1, le=30, description="days for which these are kept, with UNKNOWN=keep")
    max_submissions: int = Field(
        default=10_000, ge=1, description="most submissions with their content, by organisation"
    )
    max_bytes: int = Field(default=2_000_000_000, ge=1, description="most bytes of them, by organisation")


class ReimbursementSettings(Section):
    """The history of reimbursements."""

    months: int = Field(
        default=24,
        ge=1,
        le=120,
        description="how long lines are kept by their day of care (national parameter `reimbursement-months`)",
    )


class CertificateSettings(Section):
    """Vaccination certificates (SMART Health Cards)."""

    issuer: IssuerUrl | None = Field(
        default=None,
        description="https URL that certificates name as their issuer, without a slash at its end: it leads to "
        "/certificates of this API, where keys and revocation lists are published. Never changed",
    )


class WarningSettings(Section):
    """Warnings at a prescription (docs/warnings.md)."""

    enabled: bool = Field(
        default=False,
        description="whether prescriptions are compared with records. This software is no certified medical device: "
        "whoever turns it on answers for that",
    )


class Settings(ServiceSettings):
    """The settings of the service records."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    parameters: ParameterSettings = ParameterSettings()
    mllp: MllpSettings = MllpSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    reimbursements: ReimbursementSettings = ReimbursementSettings()
    certificates: CertificateSettings = CertificateSettings()
    warnings: WarningSettings = WarningSettings()

    @model_validator(mode="after")
    def _check_certificates(self) -> Self:
        if (self.certificates.issuer is None) != (self.keys.certificates is None):
            raise ValueError("RECORDS_CERTIFICATES__ISSUER and RECORDS_KEYS__CERTIFICATES come together")
        return self

    @model_validator(mode="after")
    def _check_warnings(self) -> Self:
        if self.warnings.enabled and self.keys.reasons is None:
            raise ValueError("RECORDS_WARNINGS__ENABLED needs RECORDS_KEYS__REASONS")
        return self


class ImportSettings(EnvironmentSettings):
    """The settings of an import: a part of records' own."""

    model_config = Settings.model_config
    postgres: PostgresSettings
    keys: RingSettings
    reimbursements: ReimbursementSettings = ReimbursementSettings()
