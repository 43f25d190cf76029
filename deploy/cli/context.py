"""The context file of an operator: the addresses of an installation's processes, and the operator's own key.

    client_id = "0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b"
    key_file = "operator.jwk.json"
    certificate_file = "operator.pem"
    ca_file = "authorities.pem"

    [services.records]
    api = "https://records.dmp.example"
    worker = "https://operators.dmp.example:9443/records"

The client is one person's. `certificate_file` holds the certificate, and its key, with which the edge lets that person
in (deploy/cli/operator_routes.py). `issuer` is needed where identity's issuer is not its address. Paths are relative to
the file. `ca_file` may be left out: then the system's authorities are believed.
"""

import os
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.cli import CONTEXT_VARIABLE
from deploy.cli.errors import LocalError

_FILES = ("key_file", "certificate_file", "ca_file")
DEFAULT = Path("~/.config/dmp/context.toml")


class ServiceAddresses(BaseModel):
    """The base URLs of a service's processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    api: str
    worker: str


class Context(BaseModel):
    """An installation as an operator reaches it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    services: dict[str, ServiceAddresses]
    issuer: str = ""
    client_id: str = ""
    key_file: Path | None = None
    certificate_file: Path | None = None
    ca_file: Path | None = None

    @property
    def urls(self) -> dict[str, str]:
        """The base URL of each API by the service's name, and of each worker by `<name>-worker`."""
        urls = {name: addresses.api.rstrip("/") for name, addresses in self.services.items()}
        return urls | {f"{name}-worker": addresses.worker.rstrip("/") for name, addresses in self.services.items()}


def read_context(path: Path | None) -> Context:
    """Returns the context of a file, by default the one that DMP_CONTEXT names. Raises LocalError."""
    file = path or Path(os.environ.get(CONTEXT_VARIABLE) or DEFAULT).expanduser()
    try:
        context = Context.model_validate(tomllib.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise LocalError(f"there is no context file {file}: name one with --context or {CONTEXT_VARIABLE}") from None
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise LocalError(f"{file} is no context file: {reasons}") from None
    except (OSError, ValueError) as error:  # a TOMLDecodeError is a ValueError, and names the line
        raise LocalError(f"{file} cannot be read: {error}") from None
    paths = {name: value for name in _FILES if (value := getattr(context, name)) is not None}
    return context.model_copy(update={name: file.parent / value.expanduser() for name, value in paths.items()})
