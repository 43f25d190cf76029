"""Settings of records; environment prefix RECORDS_."""

from pydantic_settings import SettingsConfigDict

from services.records.kit.keys import KeySettings
from shared.runtime.settings import ParameterSettings, ServiceSettings


class Settings(ServiceSettings):
    """The settings of the service records."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    parameters: ParameterSettings = ParameterSettings()
