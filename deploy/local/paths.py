"""Where things lie: everything of a run is under one folder, by default `var/` in the repository."""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalError

_OUTSIDE = Path("/var/tmp")  # noqa: S108  # only folders that are ours are used there
REPOSITORY = Path(__file__).resolve().parents[2]


def default_folder() -> Path:
    """The folder of a run: `DMP_VAR`, else `var/` in the repository."""
    return Path(os.environ.get("DMP_VAR") or REPOSITORY / "var").absolute()


@dataclass(frozen=True)
class Layout:
    """The names inside the folder of a run."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.folder / "log"

    @property
    def mail(self) -> Path:
        """One `.eml` file per caught mail."""
        return self.folder / "mail"

    @property
    def sms(self) -> Path:
        """One `.txt` file per SMS."""
        return self.folder / "sms"

    @property
    def letters(self) -> Path:
        """One `.txt` file per letter."""
        return self.folder / "letters"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, readable by the owner alone."""
        return self.folder / "secrets"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data, where its user can reach this folder."""
        return self.folder / "postgres"

    @property
    def kafka(self) -> Path:
        """Kafka's data."""
        return self.folder / "kafka"

    @property
    def endpoints(self) -> Path:
        """What is reachable where, while it runs."""
        return self.folder / "endpoints.json"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.folder / "ports.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor; holds its process id."""
        return self.folder / "supervisor.pid"

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Makes the folders. When we are root, PostgreSQL's user must be able to pass through the first."""
        private_folder(self.folder, 0o711 if os.geteuid() == 0 else 0o700)
        for folder in (self.logs, self.mail, self.sms, self.letters, self.secrets):
            private_folder(folder, 0o700)


def private_folder(folder: Path, mode: int) -> None:
    """Makes a folder that is ours alone, or refuses one that is not."""
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LocalError(f"{folder} belongs to somebody else: choose another folder with --var or DMP_VAR")
    if stat.S_IMODE(found.st_mode) != mode:
        folder.chmod(mode)


def outside_folder(folder: Path) -> Path:
    """A folder under /var/tmp that stands in for `folder` where another user must reach what lies in it."""
    mark = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    path = _OUTSIDE / f"{_outside_prefix()}{mark}"
    private_folder(path, 0o711)
    if not (path / "folder").exists():
        write_private(path / "folder", str(folder))
    return path


def remove_outside_leftovers() -> None:
    """Removes stand-ins of folders that are gone: each names its folder in a file `folder`."""
    for path in _OUTSIDE.glob(f"{_outside_prefix()}*"):
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            continue
        name = path / "folder"
        if name.exists() and not Path(name.read_text(encoding="utf-8")).exists():
            shutil.rmtree(path, ignore_errors=True)


def _outside_prefix() -> str:
    return f"dmp-{pwd.getpwuid(os.geteuid()).pw_name}-"


def write_private(path: Path, text: str) -> None:
    """Writes a file at once and whole, readable by the owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
