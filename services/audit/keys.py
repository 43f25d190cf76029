"""The keyrings of audit, and what `keys rewrap` encrypts anew."""

from services.audit.settings import KeySettings
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.key_rewrap import KeyPlan, wrapped_keys


def make_keys(settings: KeySettings) -> KeyPlan:
    """Builds the keyrings and what is wrapped under them, from the section KEYS__ of the settings."""
    kek = Keyring.parse(settings.kek.get_secret_value())
    rings = {"motives": Keyring.parse(settings.motives.get_secret_value()), "kek": kek}
    return KeyPlan(rings, (wrapped_keys(Vault(kek)),))
