"""The settings of audit, read from `AUDIT_<SECTION>__<FIELD>`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.setting_types import KeyringText, SignatureKeysText
from shared.runtime.settings import Section, ServiceSettings


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, the active key first; old keys stay while something is encrypted under them.

    `motives`: shared with identity, which encrypts the motives of emergencies with it; `kek`: wraps the records' keys.
    """

    motives: KeyringText
    kek: KeyringText
    signatures: SignatureKeysText = Field(
        description="private JWKs (OKP Ed25519 with `kid`) of copies of records, or of lists of accesses: the first "
        "signs, all are published"
    )


class Settings(ServiceSettings):
    """All settings of audit."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
