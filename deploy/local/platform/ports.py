"""Ports on the loopback: those of the last run, else the usual ones, else random free ones.

Random ports lie below the range of the system's outgoing connections, so that no client takes the port of a child that
is being restarted. A supervisor claims a port by an abstract socket name, which no second supervisor can bind and which
the system frees with the process.
"""

import json
import random
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import write_private

HOST = "127.0.0.1"
PAGES_NAME = "dmp.localhost"
"""The name of the one origin of all pages; browsers look for it on this machine alone (RFC 6761, section 6.3)."""
USUAL: Mapping[str, int] = {
    "postgres": 15432,
    "kafka": 9392,
    "kafka-controller": 9393,
    "smtp": 2525,
    "front": 8400,
    "psc": 8420,
    "identity-api": 8401,
    "records-api": 8402,
    "consent-api": 8403,
    "audit-api": 8404,
    "notify-api": 8405,
    "mllp": 2575,
    "records-mllp": 8422,
    "records-extract": 8423,
    "identity-metrics": 8431,
    "records-metrics": 8432,
    "consent-metrics": 8433,
    "audit-metrics": 8434,
    "notify-metrics": 8435,
    "identity-worker": 8411,
    "records-worker": 8412,
    "consent-worker": 8413,
    "audit-worker": 8414,
    "notify-worker": 8415,
}
_LOWEST, _HIGHEST = 20_000, 32_000


class Ports:
    """Ports claimed by this process, by name."""

    def __init__(self) -> None:
        self._claims: dict[str, socket.socket] = {}
        self._ports: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self._ports[name]

    def __enter__(self) -> "Ports":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def by_name(self) -> dict[str, int]:
        """All claimed ports by name."""
        return dict(self._ports)

    def claim(self, names: Iterable[str], remembered: Path | None) -> None:
        """Claims one port per name: the remembered, the usual or a random one. Raises LocalError.

        `remembered` is the file that keeps the ports for the next run.
        """
        memory = _read(remembered)
        for name in names:
            candidates = [port for port in (memory.get(name), USUAL.get(name)) if port]
            candidates += random.sample(range(_LOWEST, _HIGHEST), 200)
            if not any(self._try(name, port) for port in candidates):
                raise LocalError(f"no free port for {name} between {_LOWEST} and {_HIGHEST}")
        if remembered is not None:
            write_private(remembered, json.dumps({**memory, **self._ports}, indent=1) + "\n")

    def release(self) -> None:
        """Releases all claims."""
        for claim in self._claims.values():
            claim.close()
        self._claims.clear()

    def _try(self, name: str, port: int) -> bool:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0dmp-port-{port}")
        except OSError:
            claim.close()
            return False
        if not is_free(port):
            claim.close()
            return False
        self._claims[name] = claim
        self._ports[name] = port
        return True


def is_free(port: int) -> bool:
    """Returns whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _read(path: Path | None) -> dict[str, int]:
    if path is None:
        return {}
    try:
        ports = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {name: port for name, port in ports.items() if isinstance(port, int) and 0 < port < 65536}
