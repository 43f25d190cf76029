"""Envoy and its signer before the pods of the APIs: the settings of `deploy/edge`, with endpoints from a cluster."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from deploy.cluster.network import ADDRESS
from deploy.edge.__main__ import write
from deploy.edge.program import install_envoy
from deploy.edge.settings import EdgeSettings
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import REPOSITORY
from deploy.local.platform.probes import answers, listens
from deploy.local.platform.supervisor import Supervisor
from deploy.manifests.variables import DOMAIN, HTTP_PORT
from shared.contracts.declarations import SERVICES
from tests.infra.cluster.endpoint_slices import endpoints_file
from tests.infra.cluster.platform import HTTPS_PORT, PlatformStack

CARDS_PORT: Final = 8443
_ADMIN_PORT, _SIGNER_PORT, _MLLP_PORT = 9901, 9902, 2575
_NOWHERE: Final = "127.0.0.1:1"


@asynccontextmanager
async def edge_before_pods(stack: PlatformStack, pki: Path, edge_keys: str, folder: Path) -> AsyncIterator[None]:
    """Runs the edge on the bridge. `pki`: the folder of the cards' authorities; `folder`: that of the endpoints."""
    hosts = [*(f"{service}.{DOMAIN}" for service in SERVICES), f"cards.{DOMAIN}"]
    pair = stack.authority.issue("edge", hosts)
    proof = stack.authority.issue("edge-proof", ["edge"])
    cards = folder / "card-authorities.pem"
    cards.write_bytes(b"".join((pki / f"{name}.pem").read_bytes() for name in ("roots", "persons", "organisations")))
    settings = EdgeSettings(
        domain=DOMAIN,
        host=ADDRESS,
        https_port=HTTPS_PORT,
        cards_port=CARDS_PORT,
        mllp_port=_MLLP_PORT,
        admin_port=_ADMIN_PORT,
        services={service: f"{service}-api:{HTTP_PORT}" for service in SERVICES},
        mllp=_NOWHERE,
        signer=f"127.0.0.1:{_SIGNER_PORT}",
        certificate=pair.certificate,
        key=pair.key,
        card_authorities=cards,
        service_authorities=stack.authority.file,
        service_certificate=proof.certificate,
        service_key=proof.key,
    )
    config = write(settings, folder)
    config.write_text(json.dumps(with_endpoints_of_files(json.loads(config.read_text("utf-8")), folder)), "utf-8")
    supervisor = Supervisor(lambda _progress: None)
    try:
        await supervisor.start(_signer(stack, edge_keys), _envoy(stack, config))
        yield
    finally:
        await supervisor.stop_all()


def with_endpoints_of_files(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns Envoy's configuration whose APIs have the endpoints that the files of `folder` list."""
    for cluster in config["static_resources"]["clusters"]:
        if cluster["name"] in SERVICES:
            path = str(endpoints_file(folder, cluster["name"]))
            source = {"path_config_source": {"path": path}, "resource_api_version": "V3"}
            del cluster["load_assignment"], cluster["cluster_type"]
            cluster |= {"type": "EDS", "eds_cluster_config": {"eds_config": source}}
    return config


def _signer(stack: PlatformStack, edge_keys: str) -> ChildSpec:
    return ChildSpec(
        name="signer",
        command=(sys.executable, "-m", "deploy.edge.signer", f"127.0.0.1:{_SIGNER_PORT}"),
        log=stack.layout.log("signer"),
        healthy=lambda: listens(_SIGNER_PORT),
        directory=REPOSITORY,
        environment={"EDGE_KEYS": edge_keys, "PATH": "/usr/bin:/bin"},
    )


def _envoy(stack: PlatformStack, config: Path) -> ChildSpec:
    options = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
    return ChildSpec(
        name="envoy",
        command=(str(install_envoy()), "-c", str(config), *options),
        log=stack.layout.log("envoy"),
        healthy=lambda: answers(_ADMIN_PORT, "/ready"),
        directory=config.parent,
    )
