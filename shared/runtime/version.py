"""The version of the running software."""

from functools import cache
from importlib import metadata


@cache
def software_version() -> str:
    """Returns the version of the installed package, `unknown` where the code runs without being installed."""
    try:
        return metadata.version("dmp")
    except metadata.PackageNotFoundError:
        return "unknown"
