"""Settings of records; environment prefix RECORDS_."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import KeyringText, ParameterSettings, Section, ServiceSettings


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, the active key first.

    `ins_hmac`: makes fingerprints, shared with identity. `kek`: wraps the records' data keys. A data key stays wrapped
    by the key-encryption key that was active when its record came, until `keys rewrap` wraps it anew.
    """

    ins_hmac: KeyringText
    kek: KeyringText


class Settings(ServiceSettings):
    """The settings of the service records."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    parameters: ParameterSettings = ParameterSettings()
