"""Makes the secrets of an installation on one server, a file each, for `deploy/compose.yaml`; what is there stays.

postgres/superuser, operator          passwords of the superuser and of operators' role
kafka/broker, admin, users            passwords of the brokers, of the administrator, and NAME=PASSWORD of all users
<service>/api-dsn, worker-dsn, ...    what the service's processes need; <service>-owner/dsn for its migrations
<service>/tls.crt, tls.key, ca.crt    the API's certificate, by the authority in `authority`, which no service sees;
                                      likewise kafka/ for the brokers
edge/                                 the edge's settings, its certificate for callers, and its proof to the APIs
"""

import base64
import json
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from joserfc.jwk import ECKey, OKPKey

from deploy.cli.certificates import CLIENT, Pair, issue, new_authority
from deploy.cli.databases import OPERATOR
from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.crypto.private_keys import new_thumbprint_key
from shared.messaging.topics.grants import ADMIN, OPS

USER = 10001
"""The user of the images, who reads the files."""
LOOPBACK = ("localhost", "127.0.0.1")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
"""One certificate names all of them, so that one broker can become three."""
KEYRINGS = {
    "ins-hmac": ("identity", "records"),
    "contacts": ("identity", "notify"),
    "people-to-call": ("identity", "records"),
    "persons": ("identity",),
    "motives": ("identity", "audit"),
    "reasons": ("records", "audit"),
    "edge-keys": ("identity", "edge"),
    "kek": ("records",),
    "insurance": ("records",),
    "audit-kek": ("audit",),
}
"""The keyrings, and the services that share each."""


def make_secrets(folder: Path, server: str = "postgres:5432", domain: str = "dmp.example") -> list[Path]:
    """Makes the missing files, for their user alone. Returns their paths.

    `server`: host and port of PostgreSQL. `domain`: callers reach the services as `<service>.<domain>`.
    """
    made: list[Path] = []

    def keep(name: str, fresh: str) -> str:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
                file.write(fresh + "\n")
            made.append(path)
        return path.read_text("utf-8").rstrip("\n")

    keep("postgres/superuser", _password())
    keep("postgres/operator", _password())
    for user in ("broker", ADMIN):
        keep(f"kafka/{user}", _password())
    for service in SERVICES:
        keep(f"{service}-owner/dsn", _dsn(f"{service}_owner", service, server))
        for role in ("api", "worker", "app"):
            keep(f"{service}/{role}-dsn", _dsn(f"{service}_{role}", service, server))
    users = {user: keep(f"{user}/kafka-password", _password()) for user in (*SERVICES, OPS, *OUTSIDE_WRITERS)}
    keep("kafka/users", "\n".join(f"{user}={password}" for user, password in users.items()))
    for name, (first, *others) in KEYRINGS.items():
        ring = keep(f"{first}/{name}", f"{name}-1:{_key()}")
        for other in others:
            keep(f"{other}/{name}", ring)
    keep("identity/signing", _jwks(ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": _kid()})))
    for signatures in ("identity/receipts", "records/signatures", "audit/signatures"):
        keep(signatures, _jwks(OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": _kid()})))
    keep("records/certificates", new_thumbprint_key())
    _keep_certificates(keep, folder, domain)
    keep("edge/edge.toml", edge_settings(domain))
    _give(folder)
    return made


def _keep_certificates(keep: Callable[[str, str], str], folder: Path, domain: str) -> None:
    """Makes what is missing. A certificate and its key are made together: where one is missing, both are made anew."""

    def keep_pair(certificate: str, key: str, make: Callable[[], Pair]) -> Pair:
        paths = (folder / certificate, folder / key)
        if not all(path.exists() for path in paths):
            for path in paths:
                path.unlink(missing_ok=True)
            made = make()
            keep(certificate, made.certificate)
            keep(key, made.key)
        return Pair(*(path.read_text("utf-8").strip() for path in paths))

    authority = keep_pair("authority/ca.crt", "authority/ca.key", lambda: new_authority("one server"))
    for service in SERVICES:
        hosts = (f"{service}-api", *LOOPBACK)
        keep_pair(f"{service}/tls.crt", f"{service}/tls.key", partial(issue, authority, hosts))
    keep_pair("kafka/tls.crt", "kafka/tls.key", partial(issue, authority, BROKERS))
    names = [f"{name}.{domain}" for name in (*SERVICES, "cards")]
    keep_pair("edge/edge.crt", "edge/edge.key", partial(issue, authority, names))
    keep_pair("edge/proof.crt", "edge/proof.key", partial(issue, authority, ["edge"], CLIENT))
    for user in (*SERVICES, "kafka", "edge"):
        keep(f"{user}/ca.crt", authority.certificate)
    # Until an installation puts IGC-Santé there, no certificate is of this authority: its key is thrown away.
    keep("edge/cards.crt", new_authority("nobody").certificate)


def edge_settings(domain: str) -> str:
    """Returns the settings of the edge (`deploy/edge`) in the network of one server."""
    place = "/run/secrets/edge"
    files = {
        "certificate": "edge.crt",
        "key": "edge.key",
        "card_authorities": "cards.crt",
        "service_authorities": "ca.crt",
        "service_certificate": "proof.crt",
        "service_key": "proof.key",
    }
    values = {"domain": domain, "mllp": "records-mllp:2575", "signer": "/var/lib/dmp/signer/socket"}
    values |= {name: f"{place}/{file}" for name, file in files.items()}
    lines = [f'{name} = "{value}"' for name, value in values.items()]
    ports = ["https_port = 10443", "cards_port = 10444", "mllp_port = 2575"]
    return "\n".join([*lines, *ports, "", "[services]", *(f'{name} = "{name}-api:8080"' for name in SERVICES)])


def password_of(folder: Path, role: str) -> str:
    """Returns the password of a role of PostgreSQL, such as `records_api`, from its connection string."""
    if role == OPERATOR:
        return (folder / "postgres/operator").read_text("utf-8").strip()
    service, _, process = role.partition("_")
    place = f"{service}-owner/dsn" if process == "owner" else f"{service}/{process}-dsn"
    return urlsplit((folder / place).read_text("utf-8").strip()).password or ""


def _dsn(role: str, service: str, server: str) -> str:
    return f"postgresql://{role}:{_password()}@{server}/{service}?sslmode=disable"


def _password() -> str:
    return secrets.token_hex(24)


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def _kid() -> str:
    return secrets.token_hex(8)


def _jwks(key: ECKey | OKPKey) -> str:
    return json.dumps([key.as_dict(private=True)])


def _give(folder: Path) -> None:
    """Gives folders and files to the images' user, where root makes them."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)
