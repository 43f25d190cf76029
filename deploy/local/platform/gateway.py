"""The gateway of one machine: the certificate for which SMS and letters are encrypted, and the key that opens them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der
from cryptography.x509.oid import NameOID

from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout, write_private

ENDING: Final = ".p7m"
"""What the names of encrypted messages end in."""
_VALID: Final = timedelta(days=3650)
_PEM: Final = serialization.Encoding.PEM


def prepare_gateway(layout: Layout) -> None:
    """Writes a key and a certificate for it, unless they are there."""
    if layout.gateway_key.exists() and layout.gateway_certificate.exists():
        return
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(layout.gateway_key, private.decode())
    write_private(layout.gateway_certificate, _certificate(key).public_bytes(_PEM).decode())


class Opener:
    """Opens the messages of one installation."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pair: tuple[x509.Certificate, rsa.RSAPrivateKey] | None = None

    def open(self, file: Path) -> str:
        """Returns the text of a message. Raises LocalError if it is encrypted for another key, or damaged."""
        try:
            certificate, key = self._pair = self._pair or self._read_pair()
            return pkcs7_decrypt_der(file.read_bytes(), certificate, key, []).decode()
        except (OSError, ValueError) as error:
            raise LocalError(f"{file} cannot be opened with {self._layout.gateway_key}") from error

    def _read_pair(self) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        certificate = x509.load_pem_x509_certificate(self._layout.gateway_certificate.read_bytes())
        key = serialization.load_pem_private_key(self._layout.gateway_key.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("no RSA key")
        return certificate, key


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway of this machine")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
    )
    return builder.sign(key, hashes.SHA256())
