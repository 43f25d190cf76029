"""Clients that openapi-python-client generates from the OpenAPI documents."""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from deploy.generate import openapi
from shared.contracts.declarations import SERVICES

CONFIGURATION = ConfigFile(
    post_hooks=[],
    content_type_overrides={
        "application/jose": "text/plain",
        "application/jsonl": "text/plain",
        "application/smart-health-card": "application/octet-stream",
    },
)
"""The generator does not know the media types of signed receipts and lists, which are text, and of certificates."""


@dataclass(frozen=True)
class GeneratedClient:
    """The package generated for one service. `warnings`: what the generator could not make of the document."""

    package: str
    warnings: list[str]

    def operation(self, tag: str, name: str) -> Any:
        """Returns the module of an operation: `asyncio_detailed` sends a request."""
        return importlib.import_module(f"{self.package}.api.{tag}.{name}")

    def model(self, name: str) -> Any:
        """Returns the class of a schema."""
        return getattr(importlib.import_module(f"{self.package}.models"), name)

    def connect(self, url: str, token: str | None = None) -> Any:
        """Returns a client of a running service."""
        module = importlib.import_module(self.package)
        return module.Client(base_url=url) if token is None else module.AuthenticatedClient(base_url=url, token=token)


def generate_clients(folder: Path) -> dict[str, GeneratedClient]:
    """Generates a client for each service below the folder, which it adds to the path of modules."""
    sys.path.insert(0, str(folder))
    return {service: _generate(service, folder) for service in SERVICES}


def _generate(service: str, folder: Path) -> GeneratedClient:
    document, package = folder / f"{service}.json", f"{service}_client"
    document.write_text(json.dumps(openapi(service)))
    config = Config.from_sources(CONFIGURATION, MetaType.NONE, document, "utf-8", True, folder / package)
    return GeneratedClient(package, [f"{error.header} {error.detail}" for error in generate(config=config)])
