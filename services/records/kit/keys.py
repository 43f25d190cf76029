"""The keyrings of records, and the wrapped keys that `keys rewrap` wraps anew."""

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from services.records.kit.issuer_keys import IssuerKeys
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.key_rewrap import KeyPlan, wrapped_keys
from shared.errors import CodedError
from shared.runtime.setting_types import KeyringText, SignatureKeysText
from shared.runtime.settings import Section

ORGANISATION_KEY: Final = "organisation-key"


def _issuer_keys(value: SecretStr) -> SecretStr:
    try:
        IssuerKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


IssuerKeysText = Annotated[SecretStr, AfterValidator(_issuer_keys)]


class RingSettings(Section):
    """Keyrings `kid:base64url[,...]`, the active key first.

    `ins_hmac`: makes fingerprints, shared with identity. `kek`: wraps the data keys of records and organisations. A
    data key stays wrapped by the key-encryption key that was active when it was made, until `keys rewrap` wraps it
    anew. `people_to_call`: shared with identity; opens whom to call. `insurance`: shared with the health insurance;
    encrypts its feed and finds its lines. A key of it stays as long as lines that came under it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    ins_hmac: KeyringText
    kek: KeyringText
    people_to_call: KeyringText
    insurance: KeyringText


class KeySettings(RingSettings):
    """The keyrings, and the keys of signatures, which an import does not need."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    signatures: SignatureKeysText = Field(
        description="private JWKs (OKP Ed25519 with `kid`) of copies of records, or of lists of accesses: the first "
        "signs, all are published"
    )
    reasons: KeyringText | None = Field(
        default=None,
        description="keyring shared with audit, to which it carries why professionals acknowledged warnings; needed "
        "with WARNINGS__ENABLED",
    )
    certificates: IssuerKeysText | None = Field(
        default=None,
        description="JWKs (EC P-256, `kid`: the thumbprint) of vaccination certificates: the first is private and "
        "signs, all are published; with CERTIFICATES__ISSUER. Without both none is issued",
    )


def make_keys(settings: RingSettings) -> KeyPlan:
    """Returns the key plan from the section KEYS__ of the settings."""
    kek = Keyring.parse(settings.kek.get_secret_value())
    rings = {
        "ins_hmac": Keyring.parse(settings.ins_hmac.get_secret_value()),
        "kek": kek,
        "people_to_call": Keyring.parse(settings.people_to_call.get_secret_value()),
        "insurance": Keyring.parse(settings.insurance.get_secret_value()),
    }
    organisations = wrapped_keys(Vault(kek, ORGANISATION_KEY), "organisation_keys", "id", bucket=False)
    return KeyPlan(rings, (wrapped_keys(Vault(kek)), organisations))
