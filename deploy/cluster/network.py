"""The network of a cluster whose pods run: a bridge in a network namespace without any way out.

The process that starts the cluster has entered the namespace before (`unshare --net`); nothing here touches the
machine's own network.
"""

import socket
import subprocess
from typing import Final

from deploy.local.platform.errors import LocalError

BRIDGE: Final = "dmp0"
ADDRESS: Final = "10.77.0.1"
"""The namespace's own address on the bridge, by which pods reach what runs beside them."""
CLUSTER_NETWORK: Final = "10.77.0.0/16"
_PREFIX: Final = CLUSTER_NETWORK.partition("/")[2]


def pod_range(number: int) -> tuple[str, str]:
    """Returns the first and the last address of the pods of a node."""
    return f"10.77.{number}.2", f"10.77.{number}.254"


def make_bridge(*more: str) -> None:
    """Makes the bridge with its address, and `more` ones. Raises LocalError outside of an empty network namespace."""
    if {name for _, name in socket.if_nameindex()} - {"lo"}:
        raise LocalError("pods need a network namespace of their own: start the cluster by `unshare --net --mount`")
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    for address in (ADDRESS, *more):
        _ip("address", "add", f"{address}/{_PREFIX}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"ip {' '.join(words)}: {done.stderr.strip()}")
