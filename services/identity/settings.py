"""Settings of identity; environment prefix IDENTITY_."""

from typing import Annotated, Self

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.identity.domain.places import is_loopback
from services.identity.domain.tokens import SigningKeys
from shared.crypto import Keyring
from shared.errors import CodedError
from shared.settings import Section, ServiceSettings


def _keyring(value: SecretStr) -> SecretStr:
    try:
        Keyring.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


def _signing_keys(value: SecretStr) -> SecretStr:
    try:
        SigningKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


KeyringText = Annotated[SecretStr, AfterValidator(_keyring)]
SigningKeysText = Annotated[SecretStr, AfterValidator(_signing_keys)]


class KeySettings(Section):
    """Keyrings `kid:base64url[,...]`, active one first, and the signing keys.

    Keyrings are rotated by putting a new key first; older keys stay for as long as something lies under them. In
    particular a record is found under the `ins_hmac` key it was opened with: without it the person would get another.

    `ins_hmac`: fingerprints, shared with records; `contacts`: what is sealed for notify; `persons`: what lies in
    identity's own database; `signing`: a JSON array of private JWKs (EC P-256 with `kid`), the first signs, all are
    published. Rotation: add the new key last; 10 minutes later move it first; 10 minutes later remove the old one.
    """

    ins_hmac: KeyringText
    contacts: KeyringText
    persons: KeyringText
    signing: SigningKeysText


class DemoSettings(Section):
    """Conveniences of a demonstration on one machine; refused unless the API listens on the loopback."""

    sign_in: bool = False
    test_nir_keys: bool = False


class Settings(ServiceSettings):
    """Everything identity is told at its start."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeySettings
    demo: DemoSettings = DemoSettings()

    @model_validator(mode="after")
    def _keep_demo_at_home(self) -> Self:
        if (self.demo.sign_in or self.demo.test_nir_keys) and not is_loopback(self.http.host):
            raise ValueError(
                "IDENTITY_DEMO__SIGN_IN and IDENTITY_DEMO__TEST_NIR_KEYS may be on only where IDENTITY_HTTP__HOST "
                "is a loopback address: switch them off, or listen on 127.0.0.1"
            )
        return self
