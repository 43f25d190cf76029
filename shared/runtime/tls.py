"""TLS contexts that follow their files: a renewed certificate and a rotated authority count from the next connection.

Libraries keep the context that they are given for as long as the process lives, and a context cannot unlearn an
authority. These contexts make each connection with one of the files as they are now.
"""

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.runtime.reloaded_files import ReloadedFiles


class ReloadedContext(ssl.SSLContext):
    """A TLS context whose files are read again when one of them has changed.

    Files that cannot be used leave the former context in force (see ReloadedFiles). `make` builds a context from the
    files; what it raises at the first time is raised by the constructor.
    """

    def __new__(cls, *_: object) -> "ReloadedContext":
        """Returns the object that libraries take for a context; its own settings are not used."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, make: Callable[[], ssl.SSLContext], files: Iterable[Path | str | None]) -> None:
        self._contexts = ReloadedFiles(make, files)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begins the TLS of an asynchronous connection, as a client or a server."""
        return self._contexts.current().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Begins the TLS of a blocking connection, as a client or a server."""
        return self._contexts.current().wrap_socket(*arguments, **options)


def client_context(
    ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None
) -> ReloadedContext:
    """Returns the context of a client, which verifies certificate and host name. All files are PEM.

    `ca_file`: the authorities, by default the system's. `certificate_file`, `key_file`: those that the client shows.
    """

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file)
        return context

    return ReloadedContext(make, (ca_file, certificate_file, key_file))


def server_context(
    certificate_file: Path | str,
    key_file: Path | str,
    client_authorities: Path | str | None = None,
    *,
    admits_others: bool = False,
) -> ReloadedContext:
    """Returns the context of a server. All files are PEM.

    `client_authorities`: those of which every client must show a certificate; by default no client is asked for one.
    `admits_others`: a client may also show none; a wrong one still ends the connection.
    """

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if client_authorities is not None:
            context.verify_mode = ssl.CERT_OPTIONAL if admits_others else ssl.CERT_REQUIRED
        context.load_cert_chain(certificate_file, key_file)
        return context

    return ReloadedContext(make, (certificate_file, key_file, client_authorities))
