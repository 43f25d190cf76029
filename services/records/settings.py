"""Settings of records; environment prefix RECORDS_."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.crypto import Keyring
from shared.errors import CodedError
from shared.settings import Section, ServiceSettings


def _keyring(value: SecretStr) -> SecretStr:
    try:
        Keyring.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


KeyringText = Annotated[SecretStr, AfterValidator(_keyring)]


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, active one first.

    `ins_hmac`: fingerprints, shared with identity; `kek`: wraps the records' data keys. A data key stays under the
    key-encryption key that was active when its record came, so old ones must be kept in the ring.
    """

    ins_hmac: KeyringText
    kek: KeyringText


class Settings(ServiceSettings):
    """Everything records is told at its start."""

    model_config = SettingsConfigDict(env_prefix="RECORDS_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
