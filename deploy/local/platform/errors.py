"""Errors of a local installation; each message is one line that says what to do."""

import errno
from pathlib import Path

from deploy.cli.errors import LocalError

__all__ = [
    "AlreadyRunningError",
    "DataMismatchError",
    "FetchError",
    "Interrupted",
    "LocalError",
    "MissingPartError",
    "StartError",
    "explain",
]


class Interrupted(Exception):  # noqa: N818  # it is not an error
    """A signal has ended the command, which has stopped everything that it had started.

    The message says what became of the command's work, or is empty.
    """


class AlreadyRunningError(LocalError):
    """Another supervisor uses the folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"already running in {folder} ({who}): end it with `make down`, or look with `dmp status`")


class StartError(LocalError):
    """A process did not become healthy."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} did not start: {reason} (log: {log})")


class MissingPartError(LocalError):
    """A required package is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package} is not installed: run `make install` in the repository")


class FetchError(LocalError):
    """The jars of Apache Kafka could not be fetched."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the jars of Apache Kafka could not be fetched ({reason}): the first start needs Maven Central, "
            "or a mirror named by DMP_MAVEN_REPOSITORY"
        )


class DataMismatchError(LocalError):
    """The data in the folder belongs to other secrets."""

    def __init__(self, part: str, folder: Path) -> None:
        super().__init__(
            f"{part} refuses the passwords of {folder / 'secrets'}: restore the matching secrets, "
            f"or delete {folder} to start afresh"
        )


def explain(error: OSError) -> str:
    """Returns one line for an error of the operating system, with advice where there is some."""
    where = f" ({error.filename})" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full{where}: free about 1 GB and try again"
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return f"no permission to write{where}: choose another folder with --var or DMP_VAR"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files: raise the limit with `ulimit -n 4096`"
        case _:
            return f"{error.strerror or type(error).__name__}{where}"
