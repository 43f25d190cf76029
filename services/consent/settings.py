"""The settings of consent, read from `CONSENT_<SECTION>__<FIELD>`."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ParameterSettings, ServiceSettings


class Settings(ServiceSettings):
    """All settings of consent."""

    model_config = SettingsConfigDict(env_prefix="CONSENT_", env_nested_delimiter="__", frozen=True, extra="ignore")
    parameters: ParameterSettings = ParameterSettings()
