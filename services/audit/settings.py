"""Settings of audit: `AUDIT_<SECTION>__<FIELD>`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What all services have; audit needs nothing more."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_", env_nested_delimiter="__", frozen=True, extra="ignore")
