"""The keyrings of records, and the wrapped keys that `keys rewrap` wraps anew."""

from services.records.settings import KeySettings
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.key_rewrap import KeyPlan, wrapped_keys


def make_keys(settings: KeySettings) -> KeyPlan:
    """Returns the key plan from the section KEYS__ of the settings."""
    kek = Keyring.parse(settings.kek.get_secret_value())
    rings = {"ins_hmac": Keyring.parse(settings.ins_hmac.get_secret_value()), "kek": kek}
    return KeyPlan(rings, (wrapped_keys(Vault(kek)),))
