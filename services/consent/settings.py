"""The settings of consent, read from `CONSENT_<SECTION>__<FIELD>`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ParameterSettings, Section, ServiceSettings


class CollectedConsentsSettings(Section):
    """What structures collected from persons and report (HL7 v2, segment ZFA)."""

    longest_attestation_days: int = Field(
        default=90,
        ge=1,
        le=366,
        description="national parameter: days after the person was informed for which an attestation lasts at most",
    )


class Settings(ServiceSettings):
    """All settings of consent."""

    model_config = SettingsConfigDict(env_prefix="CONSENT_", env_nested_delimiter="__", frozen=True, extra="ignore")
    parameters: ParameterSettings = ParameterSettings()
    collected_consents: CollectedConsentsSettings = CollectedConsentsSettings()
