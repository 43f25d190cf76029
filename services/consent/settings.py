"""Settings of consent: `CONSENT_<SECTION>__<FIELD>`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What all services have; consent needs nothing more."""

    model_config = SettingsConfigDict(env_prefix="CONSENT_", env_nested_delimiter="__", frozen=True, extra="ignore")
