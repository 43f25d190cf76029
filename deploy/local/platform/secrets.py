"""Passwords and keys of a local installation: made once, kept in `secrets/`, readable by the owner only."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OKPKey

from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import write_private
from shared.crypto.private_keys import new_thumbprint_key


@dataclass
class Secrets:
    """Named secrets in one file; a secret is made when its name is first used."""

    path: Path
    _values: dict[str, Any] = field(default_factory=dict, repr=False)
    _changed: bool = field(default=False, repr=False)

    @classmethod
    def load(cls, folder: Path) -> "Secrets":
        """Reads the secrets of a folder; there are none at first. Raises LocalError if the file is damaged."""
        path = folder / "secrets.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            values = {}
        except ValueError as error:
            raise LocalError(f"{path} is damaged: restore it, or delete the folder to start afresh") from error
        return cls(path, values)

    def password(self, name: str) -> str:
        """Returns a password of letters and digits, which needs no quoting."""
        return str(self._keep(f"password/{name}", secrets.token_hex(24)))

    def keyring(self, name: str) -> str:
        """Returns a keyring of one key, `kid:base64url-of-32-bytes`."""
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        return str(self._keep(f"keyring/{name}", f"{name}-{time.strftime('%Y%m')}:{key}"))

    def signing_keys(self, name: str) -> str:
        """Returns a JSON array with one private EC P-256 JWK for ES256."""
        path = f"signing/{name}"
        if path not in self._values:
            key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": secrets.token_hex(8)})
            self._keep(path, [key.as_dict(private=True)])
        return json.dumps(self._values[path])

    def signature_keys(self, kind: str, name: str) -> str:
        """Returns a JSON array with one private Ed25519 JWK of a service; `kind`: it signs receipts or exports."""
        path = f"{kind}/{name}"
        if path not in self._values:
            key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": secrets.token_hex(8)})
            self._keep(path, [key.as_dict(private=True)])
        return json.dumps(self._values[path])

    def certificate_keys(self) -> str:
        """Returns a JSON array with one private EC P-256 JWK for vaccination certificates."""
        path = "certificates/records"
        if path not in self._values:
            self._keep(path, json.loads(new_thumbprint_key()))
        return json.dumps(self._values[path])

    def save(self) -> None:
        """Writes the file if there are new secrets."""
        if self._changed:
            write_private(self.path, json.dumps(self._values, indent=1) + "\n")
            self._changed = False

    def _keep(self, name: str, fresh: Any) -> Any:
        if name not in self._values:
            self._values[name] = fresh
            self._changed = True
        return self._values[name]
