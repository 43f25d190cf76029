"""The parameters of accounts, and the parts that hash passwords."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.identity.accounts.adapters.hash_queue import HashQueue
from services.identity.accounts.domain.passwords import Argon2Hasher
from shared.crypto.keyring import Keyring


@dataclass(frozen=True)
class AccountRules:
    """The parameters of accounts and password sign-in. `lookups` fingerprints identifiers, codes and addresses."""

    lookups: Keyring
    hasher: Argon2Hasher = field(default_factory=Argon2Hasher)
    hashes: HashQueue = field(default_factory=HashQueue)
    refusal_s: float = 0.5
    code_lifetime: timedelta = timedelta(minutes=10)
    session_idle: timedelta = timedelta(days=1)
    session_life: timedelta = timedelta(days=30)
    app_name: str = "Dossier médical"
