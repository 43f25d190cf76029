"""Keys of audit in tests."""

import json

from joserfc.jwk import OKPKey

from services.audit.ledger.adapters import MotiveVault
from services.audit.settings import KeySettings
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault

SENT = "motives-1:" + "M" * 43
KEK = "audit-kek-1:" + "K" * 43
SIGNATURES = json.dumps([OKPKey.generate_key("Ed25519", {"kid": "signatures"}, private=True).as_dict(private=True)])
KEYS = KeySettings.model_validate({"motives": SENT, "kek": KEK, "signatures": SIGNATURES})
MOTIVES = MotiveVault(Keyring.parse(SENT), Vault(Keyring.parse(KEK)))
