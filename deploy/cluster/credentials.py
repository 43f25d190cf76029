"""Certificates, tokens and kubeconfig files of a test cluster: new ones in its folder for each start."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from deploy.local.platform.paths import write_private
from deploy.local.platform.pki import YEAR, Issued, new_pki
from deploy.local.platform.ports import HOST

FRONT_PROXY: Final = "front-proxy"
"""The name under which the API server passes requests on to servers of further APIs."""
ADMIN, KWOK, CONTROLLERS, SCHEDULER = "admin", "kwok", "system:kube-controller-manager", "system:kube-scheduler"
_MASTERS, _NODES, _NODE = "system:masters", "system:nodes", "system:node:"
_USERS: Final = {ADMIN: _MASTERS, KWOK: _MASTERS, CONTROLLERS: "", SCHEDULER: ""}
"""User -> group."""


def node_user(node: str) -> str:
    """Returns the user as whom the kubelet of a node reaches the API server."""
    return f"{_NODE}{node}"


@dataclass(frozen=True)
class Credentials:
    """The files of a cluster's folder that hold its keys; all are readable by their owner only.

    `nodes`: the names of nodes that have a kubelet.
    """

    folder: Path
    nodes: Sequence[str] = ()

    @property
    def authority(self) -> Path:
        """The certificates that clients trust."""
        return self.folder / "ca.crt"

    @property
    def certificate(self) -> Path:
        """The certificate of the API server, followed by the one of its issuer."""
        return self.folder / "apiserver.crt"

    @property
    def key(self) -> Path:
        """The key of the API server."""
        return self.folder / "apiserver.key"

    @property
    def proxy_certificate(self) -> Path:
        """The certificate of the API server as FRONT_PROXY, followed by the one of its issuer."""
        return self.folder / "proxy.crt"

    @property
    def proxy_key(self) -> Path:
        """The key of the API server as FRONT_PROXY."""
        return self.folder / "proxy.key"

    @property
    def accounts_key(self) -> Path:
        """The key that signs the tokens of service accounts."""
        return self.folder / "accounts.key"

    @property
    def accounts_public_key(self) -> Path:
        """The key that verifies the tokens of service accounts."""
        return self.folder / "accounts.pub"

    @property
    def tokens(self) -> Path:
        """The tokens of the users, as the API server reads them."""
        return self.folder / "tokens.csv"

    def kubeconfig(self, user: str) -> Path:
        """Returns the file by which a user reaches the cluster."""
        return self.folder / f"{user.removeprefix('system:').replace(':', '-')}.kubeconfig"

    def write(self, port: int) -> None:
        """Writes new keys, and a kubeconfig for each user. `port`: the API server's."""
        pki = new_pki()
        server = pki.organisation("cluster", HOST, server=True, ends=YEAR)
        proxy = pki.organisation("cluster", FRONT_PROXY)
        accounts = pki.organisation("cluster", "service-accounts")
        write_private(self.authority, (pki.organisations.pem + pki.root.pem).decode())
        write_private(self.certificate, (server.pem + pki.organisations.pem).decode())
        write_private(self.key, server.key_pem.decode())
        write_private(self.proxy_certificate, (proxy.pem + pki.organisations.pem).decode())
        write_private(self.proxy_key, proxy.key_pem.decode())
        write_private(self.accounts_key, accounts.key_pem.decode())
        write_private(self.accounts_public_key, _public_pem(accounts))
        groups = {**_USERS, **{node_user(node): _NODES for node in self.nodes}}
        tokens = {user: secrets.token_hex(16) for user in groups}
        lines = (f"{token},{user},{user},{groups[user]}\n" for user, token in tokens.items())
        write_private(self.tokens, "".join(lines))
        for user, token in tokens.items():
            write_private(self.kubeconfig(user), json.dumps(_kubeconfig(port, self.authority, token)))


def _public_pem(issued: Issued) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return issued.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _kubeconfig(port: int, authority: Path, token: str) -> dict[str, Any]:
    cluster = {"server": f"https://{HOST}:{port}", "certificate-authority": str(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
