"""The settings of records, read from `RECORDS_<SECTION>__<FIELD>`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.records.kit.keys import KeySettings
from shared.runtime.settings import ParameterSettings, PostgresSettings, Section, ServiceSettings


class ReimbursementSettings(Section):
    """The history of reimbursements."""

    months: int = Field(
        default=24,
        ge=1,
        le=120,
        description="how long lines are kept by their day of care (national parameter `reimbursement-months`)",
    )


class Settings(ServiceSettings):
    """The settings of the service records."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    parameters: ParameterSettings = ParameterSettings()
    reimbursements: ReimbursementSettings = ReimbursementSettings()


class ImportSettings(BaseSettings):
    """The settings of an import: a part of records' own."""

    model_config = Settings.model_config
    postgres: PostgresSettings
    keys: KeySettings
    reimbursements: ReimbursementSettings = ReimbursementSettings()
