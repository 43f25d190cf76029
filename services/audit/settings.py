"""The settings of audit, read from `AUDIT_<SECTION>__<FIELD>`."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.crypto.keyring import Keyring
from shared.runtime.setting_types import KeyringText, SignatureKeysText
from shared.runtime.settings import Section, ServiceSettings


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, the active key first; old keys stay while something is encrypted under them.

    `motives`: shared with identity, which encrypts the motives of emergencies with it; `kek`: wraps the records' keys.
    """

    motives: KeyringText
    reasons: KeyringText | None = Field(
        default=None,
        description="shared with records, which encrypts with it why professionals acknowledged warnings; needed where "
        "records gives warnings (RECORDS_WARNINGS__ENABLED), under other kids than those of MOTIVES",
    )
    kek: KeyringText
    signatures: SignatureKeysText = Field(
        description="private JWKs (OKP Ed25519 with `kid`) of copies of records, or of lists of accesses: the first "
        "signs, all are published"
    )

    @model_validator(mode="after")
    def _check_kids(self) -> Self:
        motives = Keyring.parse(self.motives.get_secret_value()).keys
        reasons = Keyring.parse(self.reasons.get_secret_value()).keys if self.reasons is not None else {}
        if differing := [kid for kid, key in reasons.items() if motives.get(kid, key) != key]:
            raise ValueError(f"AUDIT_KEYS__MOTIVES and AUDIT_KEYS__REASONS have two keys of the kid {differing[0]}")
        return self


class Settings(ServiceSettings):
    """All settings of audit."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
