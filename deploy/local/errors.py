"""What can go wrong on one machine; each message is one line that says what to do."""

import errno
from pathlib import Path


class LocalError(Exception):
    """Something on this machine stands in the way. The message is one line for a person."""


class AlreadyRunningError(LocalError):
    """Another process of ours works in the same folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"already running in {folder} ({who}): end it with `make down`, or look with `dmp status`")


class StartError(LocalError):
    """A part did not become healthy."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} did not start: {why} (log: {log})")


class MissingPartError(LocalError):
    """A part that is installed from a package is not there."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package} is not installed: run `make install` in the repository")


class FetchError(LocalError):
    """The jars of Apache Kafka could not be fetched."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the jars of Apache Kafka could not be fetched ({why}): the first start needs Maven Central, "
            "or a mirror named by DMP_MAVEN_REPOSITORY"
        )


class DataMismatchError(LocalError):
    """The data in the folder was made with other secrets."""

    def __init__(self, part: str, folder: Path) -> None:
        super().__init__(
            f"{part} refuses the passwords of {folder / 'secrets'}: put the matching secrets back, "
            f"or delete {folder} to begin anew"
        )


def explain(error: OSError) -> str:
    """One line for an error of the operating system."""
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
