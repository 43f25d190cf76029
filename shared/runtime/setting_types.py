"""Types of settings: keys, and what names other servers: connection strings, networks, URLs, and files of TLS."""

import re
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, SecretStr

from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.errors import CodedError
from shared.loopback import is_loopback

_HOST = re.compile(r"(?:\[[^]]*\]|[^:]*)(?::([0-9]*))?", re.ASCII)
"""A host of a connection string, with or without a port."""
_HIGHEST_PORT = 65_535
_NO_DSN = "is no connection string `postgresql://role:password@host:port/database`"


def _keyring(value: SecretStr) -> SecretStr:
    try:
        Keyring.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


def _signature_keys(value: SecretStr) -> SecretStr:
    try:
        SignatureKeys.parse(value.get_secret_value())
    except CodedError as error:
        raise ValueError(str(error)) from None
    return value


SignatureKeysText = Annotated[SecretStr, AfterValidator(_signature_keys)]
"""A JSON array of private JWKs (OKP, Ed25519, with `kid`): the first signs, all are published."""
KeyringText = Annotated[SecretStr, AfterValidator(_keyring)]
"""A keyring `kid:base64url[,...]`, the active key first."""


def _dsn(value: SecretStr) -> SecretStr:
    """Raises ValueError if this is no connection string, or leaves TLS beyond this machine or the primary open.

    Several hosts are separated by commas, as libpq and asyncpg take them.
    """
    parts = urlsplit(value.get_secret_value())
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    stated = parts.netloc.rpartition("@")[2]
    hosts = stated or options.get("host", "")
    if parts.scheme not in ("postgresql", "postgres") or not all(_is_host(host) for host in stated.split(",")):
        raise ValueError(_NO_DSN)
    if not is_local(hosts) and options.get("sslmode") not in ("require", "verify-ca", "verify-full", "disable"):
        raise ValueError(
            "a server beyond this machine needs `sslmode`: verify-full with `sslrootcert`, "
            "or disable to send everything unencrypted"
        )
    if "," in hosts and options.get("target_session_attrs") not in ("read-write", "primary"):
        raise ValueError("several hosts need `target_session_attrs=read-write`: only one of them takes writes")
    for name in ("sslrootcert", "sslcert", "sslkey"):
        if name in options and not Path(options[name]).is_file():
            raise ValueError(f"the file that `{name}` names is not there")
    return value


def _is_host(text: str) -> bool:
    """Returns whether this is a host, with a port that exists or none."""
    host = _HOST.fullmatch(text)
    return host is not None and (not host[1] or 0 < int(host[1]) <= _HIGHEST_PORT)


def is_local(hosts: str) -> bool:
    """Returns whether every host of a comma-separated list is this machine: loopback, a socket's folder, or none."""
    return all(not host or host.startswith("/") or is_loopback(host) for host in hosts.split(","))


Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
"""A PostgreSQL connection string."""


def _networks(value: str) -> str:
    """Raises ValueError unless it lists networks, none of which is all addresses: anybody could choose theirs then."""
    for text in filter(None, value.split(",")):
        try:
            network = ip_network(text.strip())
        except ValueError:
            raise ValueError("is no list of networks, `10.1.2.0/24[,...]`") from None
        if network.prefixlen == 0:
            raise ValueError("names every address: name the networks of the proxies alone")
    return value


Networks = Annotated[str, AfterValidator(_networks)]
"""Addresses in CIDR notation (RFC 4632), separated by commas."""


def _jwks_url(value: str) -> str:
    """Raises ValueError for a URL beyond this machine whose server would not prove who it is."""
    parts = urlsplit(value)
    is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise ValueError(
            "must be an https URL; http is for this machine alone: its answer decides which tokens are valid"
        )
    return value


JwksUrl = Annotated[str, AfterValidator(_jwks_url)]
"""The URL of a JWK Set (RFC 7517)."""


def _issuer_url(value: str) -> str:
    """Raises ValueError for what no certificate may name as its issuer (SMART Health Cards Framework 1.4)."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or value.endswith("/"):
        raise ValueError("must be an https URL without a query and without a slash at its end")
    return value


IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]
"""The URL of an issuer of certificates."""


def _collector_url(value: str) -> str:
    """Raises ValueError for a URL beyond this machine whose server would not prove who it is, or with a password."""
    parts = urlsplit(value)
    is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or is_local):
        raise ValueError("must be an https URL without a name or password; http is for this machine alone")
    return value


CollectorUrl = Annotated[str, AfterValidator(_collector_url)]
"""The URL of a collector of traces (OTLP over HTTP)."""


def check_pem_files(
    ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None, *, ca: str = "CA_FILE"
) -> None:
    """Raises ValueError in words if a file has no certificates, or if a key does not belong to its certificate.

    `ca`: the name of the setting with the authorities.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError):
        raise ValueError(f"{ca} cannot be read, or holds no certificate in PEM") from None
    try:
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file, password="")
    except (OSError, ssl.SSLError):
        raise ValueError(
            "CERTIFICATE_FILE and KEY_FILE cannot be read, are not in PEM, are encrypted or do not belong together"
        ) from None
