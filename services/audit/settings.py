"""Settings of audit: `AUDIT_<SECTION>__<FIELD>`."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import KeyringText, Section, ServiceSettings


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, active one first; old keys stay for as long as something lies under them.

    `motives`: shared with identity, which seals the motives of emergencies with it; `kek`: wraps the records' keys.
    """

    motives: KeyringText
    kek: KeyringText


class Settings(ServiceSettings):
    """Everything audit is told at its start."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
