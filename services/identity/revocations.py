"""Certificates and revocation lists from files: authorities are read once, the lists again when their file changes."""

import re
from pathlib import Path

from cryptography import x509

from services.identity.domain.cps import Authorities, RevocationUnknownError

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevocationLists:
    """The lists of one PEM file. Whoever puts a new one there renames it into its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._lists: tuple[x509.CertificateRevocationList, ...] = ()

    def current(self) -> tuple[x509.CertificateRevocationList, ...]:
        """The lists as the file has them now. Raises RevocationUnknownError when it cannot be read."""
        try:
            state = self._path.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
            if seen != self._seen:
                parts = _CRL.findall(self._path.read_bytes())
                self._lists = tuple(x509.load_pem_x509_crl(part) for part in parts)
                self._seen = seen
        except (OSError, ValueError) as error:
            raise RevocationUnknownError from error
        return self._lists


def read_authorities(roots: Path, persons: Path, organisations: Path) -> Authorities:
    """PEM files. Raises OSError or ValueError: without them the service does not start."""
    found = (tuple(x509.load_pem_x509_certificates(path.read_bytes())) for path in (roots, persons, organisations))
    return Authorities(*found)
