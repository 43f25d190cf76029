"""The services' processes in containers of their image, in place of child processes of this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGTERM

from deploy.image.engine import Engine, environment
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import write_private
from deploy.local.platform.ports import HOST
from deploy.local.platform.services import Services
from deploy.local.platform.stack import Stack

USER = 10001
"""The user of the image."""
SECRETS, LETTERS = "/run/secrets/dmp", "/data"
_SECRET_PARTS = ("DSN", "PASSWORD", "KEYS__", "SECRET", "MOTIVES")
RESTRICTED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--memory=512m")


@dataclass(frozen=True)
class ContainerServices(Services):
    """The processes of the services as containers on this machine's network; their secrets are files."""

    engine: Engine
    image: str

    def container(self, name: str) -> str:
        """Returns the name of a process's container."""
        return f"dmp-{os.getpid()}-{name}"

    def _spec(self, service: str, command: str, variables: Mapping[str, str], port: int | None) -> ChildSpec:
        spec = super()._spec(service, command, variables, port)
        folder = self.layout.folder / "containers" / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: value for name, value in variables.items() if not any(part in name for part in _SECRET_PARTS)}
        for name in variables.keys() - plain.keys():
            write_private(folder / name, variables[name] + "\n")
            os.chown(folder / name, USER, USER)
            plain[f"{name}_FILE"] = f"{SECRETS}/{name}"
        mounts = ["-v", f"{folder}:{SECRETS}:ro"]
        if service == "notify":
            plain |= {"NOTIFY_FOLDERS__SMS": f"{LETTERS}/sms", "NOTIFY_FOLDERS__LETTERS": f"{LETTERS}/letters"}
            for path, target in ((self.layout.sms, "sms"), (self.layout.letters, "letters")):
                path.mkdir(parents=True, exist_ok=True)
                os.chown(path, USER, USER)
                mounts += ["-v", f"{path}:{LETTERS}/{target}"]
            certificate = f"{LETTERS}/gateway.pem"
            plain |= {f"NOTIFY_GATEWAYS__{kind}_CERTIFICATE_FILE": certificate for kind in ("SMS", "LETTERS")}
            os.chown(self.layout.gateway_certificate, USER, USER)
            mounts += ["-v", f"{self.layout.gateway_certificate}:{certificate}:ro"]
        if port is not None:
            plain["DMP_HEALTH_URL"] = f"http://{HOST}:{port}/readyz"
        settings = [word for name, value in plain.items() for word in ("-e", f"{name}={value}")]
        words = ("run", "--rm", "--name", self.container(spec.name), "--network=host", "--log-driver=none", *RESTRICTED)
        return replace(
            spec,
            command=(self.engine.program, *words, *mounts, *settings, self.image, f"services.{service}", command),
            environment=environment(),
            orphan_signal=SIGTERM,  # the engine's client hands it on
            grace=20,
        )


class ContainerStack(Stack):
    """An installation whose services run in containers of an image."""

    services: ContainerServices

    def __init__(self, folder: Path, engine: Engine, image: str) -> None:
        super().__init__(folder)
        self.engine, self.image = engine, image

    def _make_services(self) -> ContainerServices:
        return ContainerServices(
            layout=self.layout,
            postgres=self.postgres,
            kafka=self.kafka,
            ports=self.ports,
            secrets=self.secrets,
            extra={},
            engine=self.engine,
            image=self.image,
        )
