"""The container engine of this machine: podman or Docker, by its command line."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENGINES = ("podman", "docker")
CONTAINERS_CONF = Path(__file__).parent / "containers.conf"
"""podman's settings for a machine without systemd and with few privileges."""


class EngineError(Exception):
    """The engine did not do what was asked; the message is one line for a person."""


@dataclass(frozen=True)
class Engine:
    """A container engine. `program`: the path of its command."""

    program: str

    @property
    def name(self) -> str:
        """Which engine it is."""
        return Path(self.program).name

    def run(self, *words: str) -> str:
        """Returns what a command prints. Raises EngineError with the last line of its errors."""
        done = _run(self.program, *words)
        if done.returncode != 0:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise EngineError(f"`{self.name} {words[0]}` failed: {lines[-1] if lines else f'code {done.returncode}'}")
        return done.stdout

    def show(self, *words: str) -> None:
        """Runs a command whose progress goes to the standard error. Raises EngineError."""
        code = subprocess.run([self.program, *words], env=environment(), stdout=sys.stderr, check=False).returncode
        if code != 0:
            raise EngineError(f"`{self.name} {words[0]}` failed with code {code}")

    def has(self, image: str) -> bool:
        """Returns whether an image of this name is stored here."""
        return _run(self.program, "image", "inspect", image).returncode == 0


def find_engine() -> Engine:
    """Returns the engine that answers, podman before Docker. Raises EngineError."""
    for name in ENGINES:
        program = shutil.which(name)
        if program is not None and _run(program, "info").returncode == 0:
            return Engine(program)
    raise EngineError("no container engine answers here: install podman (with runc and netavark), or start Docker")


def environment() -> dict[str, str]:
    """Returns the environment of the engine: podman gets its settings here where this machine has none of its own."""
    own = any(Path(path).exists() for path in ("/etc/containers/containers.conf", "/run/systemd/system"))
    return {**({} if own else {"CONTAINERS_CONF": str(CONTAINERS_CONF)}), **os.environ}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
