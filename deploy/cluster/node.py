"""The first process of a node, in namespaces of its own: `node.py FOLDER KUBELET`, standard library only.

It prepares the node's mounts, starts containerd, imports the archives of `FOLDER/images`, starts the kubelet, and ends
when either ends. With it everything that runs on the node ends, because it is the first process of its PID namespace.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

PRIVATE = ("/run", "/var/lib/cni")
"""Folders that each node has for itself: sockets, network namespaces, addresses that are taken."""
KERNEL = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}
"""What the kubelet wants of the kernel, and only reads: this machine's own settings stay."""
READY_WITHIN_S = 60


def main(folder: Path, kubelet: str) -> str:
    """Runs the node. Returns which of its programs ended."""
    prepare_mounts(folder)
    containerd = subprocess.Popen(["containerd", "--config", str(folder / "containerd.toml")])
    await_containerd()
    for archive in sorted((folder / "images").iterdir()):
        subprocess.run([*ctr(), "images", "import", "--no-unpack=false", str(archive)], check=True)
    arguments = (folder / "kubelet.arguments").read_text("utf-8").splitlines()
    node = subprocess.Popen([kubelet, f"--config={folder / 'kubelet.json'}", *arguments])
    while True:  # processes whose parent has ended are this one's to wait for
        ended, status = os.wait()
        for name, process in (("containerd", containerd), ("kubelet", node)):
            if ended == process.pid:
                return f"{name} has ended with status {os.waitstatus_to_exitcode(status)}"


def prepare_mounts(folder: Path) -> None:
    """Gives the node its own `/run`, logs and kernel settings; mounts are shared between its own processes."""
    mount("--make-rprivate", "/")
    for place in PRIVATE:
        Path(place).mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "tmpfs", place)
    mount("--bind", str(folder / "log"), "/var/log")
    for name, value in KERNEL.items():
        copy = folder / "kernel" / name.replace("/", ".")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(f"{value}\n")
        mount("--bind", str(copy), f"/proc/sys/{name}")
    mount("--make-rshared", "/")


def mount(*arguments: str) -> None:
    """Mounts, or changes a mount."""
    subprocess.run(["mount", *arguments], check=True)


def ctr() -> list[str]:
    """Returns the command that speaks to the node's containerd about the pods' images."""
    return ["ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io"]


def await_containerd() -> None:
    """Waits until containerd answers. Exits if it does not."""
    deadline = time.monotonic() + READY_WITHIN_S
    while subprocess.run([*ctr(), "version"], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            sys.exit("containerd does not answer")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
