"""Encrypts SMS and letters for the gateway that takes them: CMS EnvelopedData (RFC 5652) for its certificate."""

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from prometheus_client import Gauge

from services.notify.kit.kinds import Channel
from shared.errors import CodedError
from shared.runtime import clock
from shared.runtime.reloaded_files import ReloadedFiles

REMAINING = Gauge(
    "notify_gateway_certificate_remaining_seconds",
    "Until the certificate of the gateway ends; below zero, its messages wait.",
    ["channel"],
)
MIN_KEY_BITS: Final = 2048
REQUIRED: Final = f"a certificate in PEM with an RSA key of {MIN_KEY_BITS} bits or more, for key encipherment"


class CertificateExpiredError(CodedError):
    """The certificate of the gateway is not valid now."""

    code = "gateway-certificate-expired"


class GatewayCertificate:
    """The certificate of the gateway of a channel, read again when its file changes.

    Raises OSError and ValueError if it cannot be used.
    """

    def __init__(self, channel: Channel, file: Path) -> None:
        self._certificates = ReloadedFiles(lambda: _read(file), [file])
        REMAINING.labels(channel).set_function(self._remaining_seconds)

    def encrypt(self, plaintext: bytes) -> bytes:
        """Returns a ContentInfo in DER. Raises CertificateExpiredError."""
        certificate = self._certificates.current()
        if not certificate.not_valid_before_utc <= clock.now() < certificate.not_valid_after_utc:
            raise CertificateExpiredError
        builder = PKCS7EnvelopeBuilder().set_data(plaintext).add_recipient(certificate)
        return builder.set_content_encryption_algorithm(AES256).encrypt(Encoding.DER, [PKCS7Options.Binary])

    def _remaining_seconds(self) -> float:
        return (self._certificates.current().not_valid_after_utc - clock.now()).total_seconds()


def _read(file: Path) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS or not _may_encipher_keys(certificate):
        raise ValueError(f"not {REQUIRED}")
    return certificate


def _may_encipher_keys(certificate: x509.Certificate) -> bool:
    """Returns whether the certificate says so, or nothing about the use of its key (RFC 5280, section 4.2.1.3)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    except x509.ExtensionNotFound:
        return True
