"""Keys of audit in tests."""

from services.audit.ledger.motives import MotiveVault
from services.audit.settings import KeySettings
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault

SENT = "motives-1:" + "M" * 43
KEK = "audit-kek-1:" + "K" * 43
KEYS = KeySettings.model_validate({"motives": SENT, "kek": KEK})
MOTIVES = MotiveVault(Keyring.parse(SENT), Vault(Keyring.parse(KEK)))
