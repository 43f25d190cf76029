"""Settings of records; environment prefix RECORDS_."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import KeyringText, ParameterSettings, Section, ServiceSettings


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, active one first.

    `ins_hmac`: fingerprints, shared with identity; `kek`: wraps the records' data keys. A data key stays under the
    key-encryption key that was active when its record came, until `keys rewrap` wraps it anew.
    """

    ins_hmac: KeyringText
    kek: KeyringText


class Settings(ServiceSettings):
    """Everything records is told at its start."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    parameters: ParameterSettings = ParameterSettings()
