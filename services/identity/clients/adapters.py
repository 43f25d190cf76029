"""Reads certificate authorities and revocation lists from PEM files.

Authorities are read once; the lists are read again when their file changes.
"""

import re
from pathlib import Path

from cryptography import x509

from services.identity.clients.domain.cps import RevocationUnknownError

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevocationLists:
    """The revocation lists of one PEM file. Replace the file by an atomic rename."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file_state: tuple[int, int, int] | None = None
        self._lists: tuple[x509.CertificateRevocationList, ...] = ()

    def current(self) -> tuple[x509.CertificateRevocationList, ...]:
        """Returns the lists that the file contains now. Raises RevocationUnknownError when it cannot be read."""
        try:
            stat = self._path.stat()
            file_state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if file_state != self._file_state:
                parts = _CRL.findall(self._path.read_bytes())
                self._lists = tuple(x509.load_pem_x509_crl(part) for part in parts)
                self._file_state = file_state
        except (OSError, ValueError) as error:
            raise RevocationUnknownError from error
        return self._lists


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Reads a PEM file. Raises OSError or ValueError; the service does not start without its authorities."""
    return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
